"""Finds the places in an image that panic, and whose code they are."""

import os
import re
import subprocess

# What panics: its name in the image, and what it is called here.
KINDS = {
    r'panicking18panic_bounds_check': 'index',
    r'slice\w*index\w*fail': 'slice',
    r'copy_from_slice': 'copy_from_slice',
    r'panic_already_(mutably_)?borrowed': 'borrow',
    r'(option|result)\w*(unwrap|expect)_failed': 'unwrap',
    r'panicking11panic_const': 'arithmetic',
    r'panicking9panic_fmt|panicking5panic\b|panicking5panic$|panic_nounwind|unreachable_display': 'panic',
}
OURS = re.compile(r'/crates/dongle-central/src/(\S+?\.rs)')


def run(tools, program, *arguments, **more):
    """Output of a program of binutils."""
    environment = {**os.environ, **tools['environment']}
    command = [tools['prefix'] + program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True, **more)
    return done.stdout


# Takes apart what a peer or a controller sends: nothing in it panics.
PARSES = re.compile(r'(adv|att|gatt|bearer|security|smp|mux/state)/|mux/(events|packet|reassembly|report|request|sdus)\.rs')


def kind_of(symbol):
    return next((kind for name, kind in KINDS.items() if re.search(name, symbol)), None)


def calls(tools, image):
    """Addresses that call, or jump to, what panics, with where their function begins, and the kind."""
    code = run(tools, 'objdump', '-d', '--no-show-raw-insn', str(image))
    within = None
    for line in code.splitlines():
        if begins := re.match(r'([0-9a-f]+) <(.+)>:$', line):
            start, within = begins.groups()
            continue
        found = re.match(r'\s*([0-9a-f]+):\s+bl?(?:\.w|\.n)?\s+[0-9a-f]+ <(.+?)(?:\+0x[0-9a-f]+)?>', line)
        # One that panics may call another: that is core's own.
        if found and within and not kind_of(within) and (kind := kind_of(found.group(2))):
            yield found.group(1), start, kind


def places(tools, image, addresses):
    """For each address, the lines of its functions and places by turns, the innermost first."""
    given = ''.join(f'0x{address}\n' for address in addresses)
    frames = run(tools, 'addr2line', '-a', '-i', '-f', '-C', '-e', str(image), input=given)
    return [chain.splitlines() for chain in re.split(r'^0x[0-9a-f]+\n', frames, flags=re.MULTILINE)[1:]]


def forbidden(tools, image):
    """Places in dongle-central that index, or that parse, and panic."""
    for file, kind, written in of_dongle_central(tools, image):
        # The linker folds functions of the same code into one, so that other kinds have no sure name.
        if kind in ('index', 'slice') or PARSES.match(file):
            yield f'{written}: {kind}'


def of_dongle_central(tools, image):
    """Each panic of dongle-central's: file, kind and place. Inlined code counts where it was written."""
    sites = list(calls(tools, image))
    if not sites:
        raise SystemExit(f'FAILED: {image} holds no panic at all, which can not be')
    chains = places(tools, image, [address for address, _, _ in sites])
    starts = places(tools, image, [start for _, start, _ in sites])
    for (_, _, kind), lines, start in zip(sites, chains, starts, strict=True):
        # The innermost frame that is not of Rust's own libraries: function and place.
        frames = ((function, place) for function, place in zip(lines[::2], lines[1::2]) if '/library/' not in place)
        function, written = next(frames, ('', ''))
        # What the compiler has put together from several lines has none, and any of their files: it is in the
        # file that the function is in.
        if written.endswith(':?'):
            if 'dongle_central' not in function:
                continue
            written = start[-1]
        if ours := OURS.search(written):
            yield ours.group(1), kind, written
