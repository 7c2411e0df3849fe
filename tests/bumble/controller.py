#!/usr/bin/env python3
"""Serves a Bumble virtual controller to a host, with a Bumble peripheral in its air.

    python controller.py --transport tcp
    {"event": "ready", "port": 40123, "spec": "tcp-client:127.0.0.1:40123"}

See docs/bumble.md.
"""

import argparse
import asyncio
import logging

import gatt_server
import served
from events import emit, obey
from heart_rate import NAME as HEART_NAME
from heart_rate import heart_rate
from peripheral import Peripheral


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add('--transport', choices=['tcp', 'pty'], default='tcp')
    add('--port', type=int, default=0, help='TCP port; 0 picks a free one')
    add('--peripheral', choices=['heart-rate', 'gatt-server', 'none'], default='heart-rate')
    add('--peripherals', type=int, default=1, help='how many of them')
    add('--silent', action='store_true', help='do not advertise until told to')
    add('--interval', type=float, default=0.05, help='seconds between two beats')
    served.add_options(parser)
    add('--until-eof', action='store_true', help='end when standard input ends')
    add('--log', default='ERROR', help="Bumble's log level, on standard error")
    return parser.parse_args()


async def main(arguments):
    controller = served.make(arguments)
    link = controller.link
    peripherals = []
    for index in range(arguments.peripherals):
        match arguments.peripheral:
            case 'heart-rate':
                services = heart_rate(arguments.interval)
                peripheral = Peripheral(
                    link, index, arguments, services, 0x180D, HEART_NAME
                )
            case 'gatt-server':
                peripheral = Peripheral(
                    link,
                    index,
                    arguments,
                    gatt_server.services,
                    gatt_server.ADVERTISED,
                    gatt_server.NAME,
                )
                gatt_server.finish(peripheral.device.gatt_server)
            case _:
                continue
        await peripheral.start(advertise=not arguments.silent)
        peripherals.append(peripheral)

    place = await served.serve(controller, arguments.transport, arguments.port)
    emit('ready', spec=served.spec(place), **place)

    async def advertise(on, peripheral=0):
        await peripherals[peripheral].advertise(on)

    async def disconnect(reason=0x13, peripheral=0):
        await peripherals[peripheral].disconnect(reason)

    await obey({'advertise': advertise, 'disconnect': disconnect}, arguments.until_eof)


if __name__ == '__main__':
    arguments = parse_arguments()
    logging.basicConfig(level=arguments.log.upper())
    asyncio.run(main(arguments))
