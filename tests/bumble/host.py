#!/usr/bin/env python3
"""Bumble as the host on a controller that somebody else serves: finds a heart rate and listens to it.

    python host.py --transport tcp-client:127.0.0.1:9000
    python host.py --transport serial:/dev/pts/3

It powers the controller on, scans for a service, connects, exchanges the MTU, discovers, reads,
subscribes, collects notifications, unsubscribes and disconnects, and prints an event at each step;
the last is "finished". See docs/bumble.md.
"""

import argparse
import asyncio
import logging
import struct
import sys
import time

from bumble import gatt
from bumble.core import UUID, AdvertisingData
from bumble.device import Device, Peer
from bumble.hci import Address
from bumble.transport import open_transport

from events import emit


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add('--transport', required=True, help="a Bumble transport, such as tcp-client:HOST:PORT")
    add('--service', type=lambda text: int(text, 16), default=0x180D)
    add('--characteristic', type=lambda text: int(text, 16), default=0x2A37)
    add('--count', type=int, default=10, help='notifications to wait for')
    add('--cycles', type=int, default=1, help='times to connect')
    add('--mtu', type=int, default=247)
    add('--timeout', type=float, default=30, help='seconds for each step')
    add('--passive', action='store_true', help='scan without scan requests')
    add('--legacy', action='store_true', help='use no extended commands')
    add('--log', default='ERROR', help="Bumble's log level, on standard error")
    return parser.parse_args()


async def scan(device, arguments):
    """The first connectable advertiser of the service."""
    found = asyncio.get_running_loop().create_future()
    wanted = UUID.from_16_bits(arguments.service)

    def advertisement(advertisement):
        data = advertisement.data
        listed = [
            uuid
            for kind in (
                AdvertisingData.Type.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
                AdvertisingData.Type.INCOMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
            )
            for uuids in data.get_all(kind)
            for uuid in uuids
        ]
        if wanted in listed and advertisement.is_connectable and not found.done():
            found.set_result(advertisement)

    device.on(Device.EVENT_ADVERTISEMENT, advertisement)
    await device.start_scanning(
        legacy=arguments.legacy, active=not arguments.passive, filter_duplicates=False
    )
    result = await asyncio.wait_for(found, arguments.timeout)
    await device.stop_scanning(legacy=arguments.legacy)
    device.remove_listener(Device.EVENT_ADVERTISEMENT, advertisement)
    emit(
        'found',
        address=str(result.address),
        name=result.data.get(AdvertisingData.Type.COMPLETE_LOCAL_NAME),
        rssi=result.rssi,
        legacy=result.is_legacy,
    )
    return result.address


async def cycle(device, arguments):
    """Scans, connects, and does with the heart rate sensor all that it is for."""
    limit = arguments.timeout
    address = await scan(device, arguments)
    connection = await asyncio.wait_for(device.connect(address, timeout=limit), limit)
    ended = asyncio.get_running_loop().create_future()
    connection.on(connection.EVENT_DISCONNECTION, ended.set_result)
    emit(
        'connected',
        address=str(connection.peer_address),
        interval_ms=connection.parameters.connection_interval,
    )

    peer = Peer(connection)
    emit('mtu', mtu=await asyncio.wait_for(peer.request_mtu(arguments.mtu), limit))

    await asyncio.wait_for(peer.discover_services(), limit)
    for service in peer.services:
        await asyncio.wait_for(service.discover_characteristics(), limit)
    emit(
        'discovered',
        services={
            service.uuid.to_hex_str('-'): [
                c.uuid.to_hex_str('-') for c in service.characteristics
            ]
            for service in peer.services
        },
    )

    levels = peer.get_characteristics_by_uuid(gatt.GATT_BATTERY_LEVEL_CHARACTERISTIC)
    if levels:
        (level,) = await asyncio.wait_for(levels[0].read_value(), limit)
        emit('battery', percent=level)

    (measurement,) = peer.get_characteristics_by_uuid(
        UUID.from_16_bits(arguments.characteristic)
    )
    values = asyncio.Queue()
    await asyncio.wait_for(peer.subscribe(measurement, values.put_nowait), limit)
    emit('subscribed')
    began = time.monotonic()
    for _ in range(arguments.count):
        value = await asyncio.wait_for(values.get(), limit)
        emit('notified', value=value.hex(), bpm=heart_rate_of(value))
    emit('collected', count=arguments.count, seconds=time.monotonic() - began)
    await asyncio.wait_for(peer.unsubscribe(measurement, values.put_nowait), limit)

    await asyncio.wait_for(connection.disconnect(), limit)
    emit('disconnected', reason=await asyncio.wait_for(ended, limit))


def heart_rate_of(value):
    """The rate in a Heart Rate Measurement, or None if the value is none."""
    try:
        flags = value[0]
        return struct.unpack_from('<H' if flags & 0x01 else '<B', value, 1)[0]
    except (IndexError, struct.error):
        return None


async def main(arguments):
    async with await open_transport(arguments.transport) as transport:
        device = Device.with_hci(
            'Bumble Host', Address('F9:F8:F7:F6:F5:F4'), transport.source, transport.sink
        )
        await asyncio.wait_for(device.power_on(), arguments.timeout)
        emit(
            'powered_on',
            address=str(device.public_address),
            extended=device.supports_le_extended_advertising,
            acl_buffers=device.host.le_acl_packet_queue.max_in_flight,
            acl_length=device.host.le_acl_packet_queue.max_packet_size,
        )
        for _ in range(arguments.cycles):
            await cycle(device, arguments)
        emit('finished')


if __name__ == '__main__':
    arguments = parse_arguments()
    logging.basicConfig(level=arguments.log.upper())
    try:
        asyncio.run(main(arguments))
    except Exception as error:
        emit('error', message=f'{type(error).__name__}: {error}')
        logging.exception('the host failed')
        sys.exit(1)
