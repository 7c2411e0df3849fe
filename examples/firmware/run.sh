#!/usr/bin/env bash
# Builds the firmware for a Cortex-M4, runs it under QEMU on a simulated controller and on Bumble's,
# measures it, and compares with what docs/firmware.md says.
#
#   examples/firmware/run.sh            the verdict: 0 if all went well and nothing grew by 5 %
#   examples/firmware/run.sh --record   the same, and the table in docs/firmware.md is written anew
#
# On Debian with Rust and python3. What else it needs it puts into its own folder under target/: a
# core library for the target (from rustup, into a home of its own, or from Debian's packages), QEMU
# and Bumble. It installs nothing, and asks for no root.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
out=${FIRMWARE_TARGET:-$root/target/firmware}
target=thumbv7em-none-eabi
host=$(rustc -vV | sed -n 's/^host: //p')
mkdir -p "$out"

# unpack PACKAGE...: Debian's packages, and those they need that are not installed, under $out/debian.
unpack() {
    local folder=$out/debian
    mkdir -p "$folder/packages"
    # What the packages are for needs no sound, video or firmware of QEMU's.
    if ! apt-get install --simulate --no-install-recommends "$@" >"$folder/plan" 2>"$folder/error"; then
        cat "$folder/error" >&2
        echo "FAILED: apt-get does not know $*; apt-get update may help" >&2
        return 1
    fi
    sed -n 's/^Inst \([^ ]*\).*/\1/p' "$folder/plan" |
        grep -vE '^(qemu-system-data|libgstreamer.*)$' >"$folder/list"
    # The archive does not always answer at once.
    (cd "$folder/packages" && xargs apt-get download -q -o Acquire::Retries=3 <"$folder/list" >&2)
    for package in "$folder"/packages/*.deb; do dpkg-deb -x "$package" "$folder"; done
    rm -r "$folder/packages"
}

# found PROGRAM: in Debian's packages that were unpacked, all of them.
found() {
    [[ -x $out/debian/usr/bin/$1 && ! -d $out/debian/packages ]]
}

# unpacked PROGRAM ARGUMENT...: runs a program from there.
unpacked() {
    LD_LIBRARY_PATH=$out/debian/usr/lib/$(uname -m)-linux-gnu "$out/debian/usr/bin/$1" "${@:2}"
}

# How the target is built for: with the toolchain in use if it has the target, else with the same
# one from rustup, else with Debian's, which builds core from its source.
firmware_cargo() {
    case $toolchain in
        own) cargo "$@" ;;
        rustup) RUSTUP_HOME=$out/rustup rustup run "$version" cargo "$@" ;;
        debian)
            local debian=$out/debian/usr
            PATH=$debian/bin:$PATH RUSTC=$debian/bin/rustc RUSTC_BOOTSTRAP=1 \
                LD_LIBRARY_PATH=$debian/lib/$(uname -m)-linux-gnu \
                CARGO_TARGET_THUMBV7EM_NONE_EABI_LINKER=arm-none-eabi-ld \
                "$debian/bin/cargo" "$@" -Zbuild-std=core
            ;;
    esac
}

choose_toolchain() {
    version=$(rustc -vV | sed -n 's/^release: //p')
    if [[ ${FIRMWARE_TOOLCHAIN-} != debian ]]; then
        toolchain=own
        [[ -d $(rustc --print sysroot)/lib/rustlib/$target/lib ]] && return
        toolchain=rustup
        if [[ -d $out/rustup/toolchains/$version-$host/lib/rustlib/$target/lib ]]; then return; fi
        # Without a self-update: that would replace the rustup of the machine.
        if command -v rustup >/dev/null &&
            RUSTUP_HOME=$out/rustup rustup toolchain install "$version" --profile minimal \
                --target "$target" --no-self-update; then return; fi
    fi
    toolchain=debian
    found rustc || unpack rustc-web cargo-web rust-web-src binutils-arm-none-eabi
}

# Prefix of the programs that look into an image.
binutils() {
    if command -v arm-none-eabi-objdump >/dev/null; then
        echo arm-none-eabi-
        return
    fi
    found arm-none-eabi-objdump || unpack binutils-arm-none-eabi
    echo "$out/debian/usr/bin/arm-none-eabi-"
}

qemu_program() {
    if command -v qemu-system-arm; then return; fi
    found qemu-system-arm || unpack qemu-system-arm
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' \
        "$out/debian/usr/lib/$(uname -m)-linux-gnu" "$out/debian/usr/bin/qemu-system-arm" \
        >"$out/qemu-system-arm"
    chmod +x "$out/qemu-system-arm"
    echo "$out/qemu-system-arm"
}

bumble_python() {
    local requirements=$root/tests/bumble/requirements.txt environment=$out/bumble
    if ! cmp -s "$requirements" "$environment/ready"; then
        rm -rf "$environment"
        python3 -m venv "$environment"
        "$environment/bin/python" -m pip install --quiet --requirement "$requirements" >&2
        cp "$requirements" "$environment/ready"
    fi
    echo "$environment/bin/python"
}

# image NAME PACKAGE [FEATURES]: builds one and puts it aside. One at a time, since Cargo would give
# each package of a common build the features of all.
image() {
    (cd "$here" && CARGO_TARGET_DIR=$out firmware_cargo build --quiet --locked --release \
        --target "$target" --package "$2" --features "${3-}")
    cp "$out/$target/release/$2" "$out/images/$1"
}

choose_toolchain
qemu=$(qemu_program)
binutils=$(binutils)
python=$(bumble_python)

# Everything the target's packages are built of is in a lock file of its own: one that is behind
# the workspace's is told before anything is built.
if ! (cd "$here" && cargo fetch --quiet --locked); then
    echo 'FAILED: cd examples/firmware && cargo fetch, and commit its Cargo.lock' >&2
    exit 1
fi

mkdir -p "$out/images"
# CARGO_TARGET_DIR is the caller's, so that what is built there already is not built again.
(cd "$here" && CARGO_TARGET_DIR=$out cargo build --quiet --locked --package air --target "$host") &
air=$!
for program in heart-rate baseline; do
    image "$program" "$program"
    image "$program-four" "$program" four
    image "$program-security" "$program" security
    image "$program-security-four" "$program" security,four
    image "$program-log" "$program" log
done
wait "$air"

exec python3 "$here/check.py" --images "$out/images" --qemu "$qemu" --bumble "$python" \
    --air "$out/$host/debug/air" --controller "$root/tests/bumble/controller.py" \
    --binutils "$binutils" --libraries "$out/debian/usr/lib/$(uname -m)-linux-gnu" \
    --page "$root/docs/firmware.md" --compiler "$(firmware_cargo --version)" "$@"
