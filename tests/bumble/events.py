"""What a script tells the test that started it, and what the test tells the script.

Out: one JSON object a line on standard output, `{"event": NAME, ...}`. Log messages go to standard
error. In: one JSON object a line on standard input, `{"do": NAME, ...}`.
"""

import asyncio
import json
import os
import sys
import threading


def emit(event, **fields):
    """Prints one event, at once."""
    print(json.dumps({'event': event, **fields}), flush=True)


async def obey(commands, until_eof):
    """Carries out the commands on standard input, each an async function of its fields.

    Answers when standard input ends if `until_eof` is set (a test that dies closes it, however it
    dies), never otherwise.
    """
    loop = asyncio.get_running_loop()
    lines = asyncio.Queue()

    def read():
        # os.read, for a thread in sys.stdin.readline() would hold up the interpreter's end.
        rest = b''
        while chunk := os.read(sys.stdin.fileno(), 4096):
            *whole, rest = (rest + chunk).split(b'\n')
            for line in whole:
                loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, None)

    threading.Thread(target=read, daemon=True).start()
    while (line := await lines.get()) is not None:
        fields = json.loads(line)
        name = fields.pop('do')
        if name not in commands:
            emit('error', message=f'no such command: {name}')
            continue
        answer = await commands[name](**fields)
        emit('done', do=name, **(answer or {}))
    if not until_eof:
        await loop.create_future()
