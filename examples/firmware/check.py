"""Runs the firmware images under QEMU, measures them, looks for panics, and gives the verdict.

Called by run.sh.
"""

import argparse
import concurrent.futures
import json
import pathlib
import re
import signal
import struct
import subprocess
import sys
import threading

import panics

BEGIN = '<!-- sizes: begin; written by examples/firmware/run.sh --record -->'
END = '<!-- sizes: end -->'
# Growth that fails: of what is recorded, and never for less than so many bytes.
ALLOWED = 1.05
SLACK = 64
# Seconds for one image, from power-on to the end of its report.
PATIENCE = 60
VARIANTS = ['', '-four', '-security', '-security-four', '-log']
NAMES = {
    '': 'one connection',
    '-four': 'four connections',
    '-security': 'one, security',
    '-security-four': 'four, security',
    '-log': 'one, logging',
}


class Failed(Exception):
    pass


class Process:
    """A program that runs until it is ended, and its lines."""

    def __init__(self, command):
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f'{self.process.args[0]} ended')
        return line.strip()

    def say(self, line):
        self.process.stdin.write(line + '\n')
        self.process.stdin.flush()


def run_image(options, image, port):
    """What the image prints, until it ends by itself."""
    command = [
        options.qemu, '-M', 'mps2-an386', '-nodefaults', '-display', 'none', '-monitor', 'none',
        '-semihosting', '-kernel', str(image),
        '-chardev', 'stdio,id=console', '-serial', 'chardev:console',
        '-chardev', f'socket,id=hci,host=127.0.0.1,port={port},nodelay=on',
        '-serial', 'chardev:hci',
    ]  # fmt: skip
    qemu = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        output, _ = qemu.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        qemu.kill()
        output, _ = qemu.communicate()
        raise Failed(f'{image.name} did not end within {PATIENCE} s:\n{output}') from None
    if qemu.returncode != 0:
        raise Failed(f'{image.name} failed ({qemu.returncode}):\n{output}')
    return output


def on_air(options, image, sensors):
    """Runs an image on the simulated controller; its sensors' links drop once."""
    with Process([options.air, '0', str(sensors)]) as air:
        port = air.line().removeprefix('ready ')
        output = run_image(options, image, port)
        air.process.stdin.close()
        if (counted := air.line()) != 'violations 0':
            raise Failed(f'{image.name} broke the rules of flow control: {counted}')
    return output


def on_bumble(options, image):
    """Runs an image on Bumble's controller; its sensor ends the first link."""
    command = [options.bumble, options.controller, '--interval', '0.1', '--until-eof']
    with Process(command) as bumble:
        ready = json.loads(bumble.line())

        def drop_once():
            try:
                while json.loads(bumble.line())['event'] != 'subscribed':
                    pass
                drop = threading.Timer(1, bumble.say, ['{"do": "disconnect", "reason": 19}'])
                drop.daemon = True
                drop.start()
                while True:
                    bumble.line()
            except (Failed, ValueError):
                pass

        threading.Thread(target=drop_once, daemon=True).start()
        return run_image(options, image, ready['port'])


def expect(name, output, links, secured=False):
    """Each link was found, connected, and its values came; the first was lost and replaced."""
    least = {
        r'^found ': links,
        r'^connected$': links,
        r'^MTU 247$': links,
        r'^subscribed$': links,
        # What a link brings before it is lost is not counted on.
        r'^[1-9]\d* bpm$': 10 * links // 2,
        r'^disconnected': links // 2,
        r'^enough': links // 2,
        r'^memory: ': 1,
        r'^done$': 1,
    }
    if secured:
        least[r'^secured$'] = links
    if name.startswith('baseline'):
        # Not ours to judge: enough that it did all of it, since it is measured.
        least = {pattern: min(count, links // 2) for pattern, count in least.items()}
    for pattern, count in least.items():
        seen = len(re.findall(pattern, output, re.MULTILINE))
        if seen < count:
            raise Failed(f'{name}: {seen} lines {pattern!r}, not {count}:\n{output}')
    print(f'ok    {name}: {links} links, {len(re.findall(" bpm$", output, re.MULTILINE))} values')


def sections(image):
    """Bytes of text (with constants), data and bss in an ELF file."""
    elf = image.read_bytes()
    offset = struct.unpack_from('<I', elf, 32)[0]
    size, count = struct.unpack_from('<HH', elf, 46)
    text = data = bss = 0
    for index in range(count):
        _, kind, flags, _, _, length = struct.unpack_from('<6I', elf, offset + index * size)
        allocated, writable = flags & 2, flags & 1
        if not allocated:
            continue
        if kind == 8:
            bss += length
        elif writable:
            data += length
        else:
            text += length
    return text, data, bss


def measure(image, output):
    peak = int(re.search(r'stack peak (\d+)', output).group(1))
    return (*sections(image), peak)


def table(measured, compiler):
    lines = [
        BEGIN,
        f'Built with {compiler.split(" (")[0]}, `opt-level = "z"`, LTO, without logging but where a row says so. Bytes; the stack as it was used at most.',
        '',
        '| image | text | data | bss | peak stack | RAM in all |',
        '| --- | ---: | ---: | ---: | ---: | ---: |',
    ]
    for variant in VARIANTS:
        for program, who in [('heart-rate', 'Dongle'), ('baseline', 'trouble-host')]:
            text, data, bss, peak = measured[program + variant]
            lines.append(
                f'| {who}, {NAMES[variant]} | {text} | {data} | {bss} | {peak} | {data + bss + peak} |'
            )
    return '\n'.join([*lines, END])


def recorded(page):
    """Rows of the table on the page, and the compiler's line."""
    text = page.read_text() if page.exists() else ''
    if BEGIN not in text:
        return {}, ''
    part = text[text.index(BEGIN) : text.index(END)]
    return rows_of(part), part.splitlines()[1]


def grown(old, new, same_compiler):
    """What takes more than it may, by row: text and RAM. trouble-host's own is not ours to judge,
    but tells how much another compiler changes."""
    for row, then in old.items():
        if not row.startswith('Dongle'):
            continue
        if row not in new:
            raise Failed(f'the page has a row that nothing is measured for: {row}')
        theirs = row.replace('Dongle', 'trouble-host')
        for what, column in [('text', 0), ('RAM', 4)]:
            before, after = then[column], new[row][column]
            if not same_compiler:
                before = round(before * new[theirs][column] / old[theirs][column])
            if after > before * ALLOWED and after - before > SLACK:
                yield f'{row}: {what} was {before}, is {after}'


def rows_of(table):
    """Numbers of each row of a table, by its name."""
    rows = {}
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip('|').split('|')]
        if len(cells) == 6 and cells[1].isdigit():
            rows[cells[0]] = [int(cell) for cell in cells[1:]]
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ['images', 'page']:
        parser.add_argument(f'--{name}', type=pathlib.Path, required=True)
    for name in ['qemu', 'air', 'bumble', 'controller', 'compiler', 'binutils']:
        parser.add_argument(f'--{name}', required=True)
    parser.add_argument('--libraries', default='', help='where the shared libraries of binutils are')
    parser.add_argument('--record', action='store_true', help='write the table into the page')
    options = parser.parse_args()

    def check(name):
        image = options.images / name
        connections = 4 if name.endswith('four') else 1
        output = on_air(options, image, connections)
        expect(f'{name}, simulated controller', output, 2 * connections, 'security' in name)
        return name, measure(image, output)

    tools = {
        'prefix': options.binutils,
        'environment': {'LD_LIBRARY_PATH': options.libraries} if options.libraries else {},
    }
    for variant in VARIANTS:
        if variant == '-log':
            # What formats may panic.
            continue
        image = options.images / ('heart-rate' + variant)
        if places := list(panics.forbidden(tools, image)):
            raise Failed(f'{image.name} may panic on what it is sent:\n' + '\n'.join(places))
    print('ok    no panic where anything is parsed')

    names = [program + variant for variant in VARIANTS for program in ['heart-rate', 'baseline']]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        measured = dict(pool.map(check, names))
    expect('heart-rate, Bumble', on_bumble(options, options.images / 'heart-rate'), 2)

    new = table(measured, options.compiler)
    print(new)
    old_rows, old_compiler = recorded(options.page)
    if options.record:
        page = options.page.read_text() if options.page.exists() else f'{BEGIN}\n{END}\n'
        begin, end = page.index(BEGIN), page.index(END) + len(END)
        options.page.write_text(page[:begin] + new + page[end:])
        print(f'recorded in {options.page}')
        return
    if not old_rows:
        raise Failed(f'no sizes are recorded in {options.page}')
    same_compiler = old_compiler == new.splitlines()[1]
    if not same_compiler:
        print('recorded with another compiler: compared by what it changes for trouble-host')
    if growth := list(grown(old_rows, rows_of(new), same_compiler)):
        raise Failed('it grew by more than 5 %; --record if it has to be\n' + '\n'.join(growth))


if __name__ == '__main__':
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        main()
    except Failed as failure:
        sys.exit(f'FAILED: {failure}')
    print('PASSED')
