#!/usr/bin/env python3
"""Bumble as a peripheral that pairs, on a controller that somebody else serves; or in the air of one
of Bumble's that it serves to the other side.

    python security.py --transport tcp-client:127.0.0.1:9000
    python security.py --serve tcp
    {"event": "ready", "spec": "tcp-client:127.0.0.1:40123", ...}

The test decides, by commands on standard input, how it pairs and what its person does.
"""

import argparse
import asyncio
import contextlib
import hashlib
import logging

from bumble import gatt, l2cap, smp
from bumble.att import ATT_Error, ErrorCode
from bumble.controller import Controller
from bumble.core import UUID, AdvertisingData
from bumble.device import Device, DeviceConfiguration
from bumble.hci import Address, HCI_LE_Set_Random_Address_Command
from bumble.host import Host
from bumble.keys import MemoryKeyStore
from bumble.pairing import PairingConfig, PairingDelegate
from bumble.transport import open_transport
from bumble.transport.common import AsyncPipeSink

import served
from events import emit, obey

ADDRESS = 'F5:F4:F3:F2:F1:F0'
IRK = bytes(range(0x10, 0x20))
IO = {
    'none': PairingDelegate.NO_OUTPUT_NO_INPUT,
    'keyboard': PairingDelegate.KEYBOARD_INPUT_ONLY,
    'display': PairingDelegate.DISPLAY_OUTPUT_ONLY,
    'yes_no': PairingDelegate.DISPLAY_OUTPUT_AND_YES_NO_INPUT,
    'keyboard_display': PairingDelegate.DISPLAY_OUTPUT_AND_KEYBOARD_INPUT,
}


class Person(PairingDelegate):
    """What the test has the person do; each question is an event, each answer a command."""

    def __init__(self, io, key_size, accept):
        super().__init__(io_capability=IO[io], maximum_encryption_key_size=key_size)
        self.accepts = accept
        self.answer = None

    async def accept(self):
        return self.accepts

    async def ask(self, question, **fields):
        self.answer = asyncio.get_running_loop().create_future()
        emit(question, **fields)
        return await self.answer

    async def compare_numbers(self, number, digits):
        return await self.ask('compare', number=number)

    async def get_number(self):
        return await self.ask('enter')

    async def display_number(self, number, digits):
        emit('display', number=number)


class PeripheralKeyStore(MemoryKeyStore):
    """Bumble's keys of a legacy pairing, with those of the two sides where a peripheral looks for them."""

    async def update(self, name, keys):
        keys.ltk_central, keys.ltk_peripheral = keys.ltk_peripheral, keys.ltk_central
        await super().update(name, keys)


class Server:
    def __init__(self, device):
        self.device = device
        self.person = None
        self.connection = None
        self.oob = None
        # Tell of changed services when a link is encrypted.
        self.announces = False

    def configure(self, io, sc, mitm, bonding, key_size, accept):
        self.person = Person(io, key_size, accept)
        config = PairingConfig(
            sc=sc, mitm=mitm, bonding=bonding, delegate=self.person, oob=self.oob
        )
        self.device.pairing_config_factory = lambda _connection: config

    def connected(self, connection):
        self.connection = connection
        private = connection.peer_resolvable_address
        emit(
            'connected',
            peer=str(connection.peer_address),
            private=private and str(private),
        )
        connection.on(
            'disconnection',
            lambda reason: emit('disconnected', reason=reason),
        )
        connection.on('connection_encryption_change', self.encrypted)
        connection.on(
            'pairing',
            lambda keys: emit(
                'paired', authenticated=bool((keys.ltk or keys.ltk_central).authenticated)
            ),
        )
        connection.on(
            'pairing_failure', lambda reason: emit('pairing_failed', reason=int(reason))
        )


    def encrypted(self):
        emit('encrypted', encryption=int(self.connection.encryption))
        if self.announces:
            self.announces = False
            asyncio.create_task(self.announce())

    def update(self):
        """Another service comes in front of the others; Bumble remembers no subscriptions."""
        server = self.device.gatt_server
        for part in (server.attributes, server.attributes_by_handle, server.services):
            part.clear()
        self.device.add_default_services()
        read = gatt.Characteristic.Properties.READ
        new = gatt.Characteristic(
            UUID.from_16_bits(0xFF11), read, gatt.Characteristic.READABLE, b'new'
        )
        self.device.add_services([gatt.Service(UUID.from_16_bits(0xFF10), [new])])
        self.device.add_services(services())

    async def announce(self):
        await self.device.gatt_server.indicate_subscriber(
            self.connection,
            self.device.gatt_service.service_changed_characteristic,
            bytes([0x01, 0x00, 0xFF, 0xFF]),
            force=True,
        )
        emit('told')


def services():
    char, props = gatt.Characteristic, gatt.Characteristic.Properties

    def secret(uuid, permissions, value):
        return char(
            UUID.from_16_bits(uuid), props.READ | props.WRITE, permissions, value
        )

    def never(_connection):
        raise ATT_Error(ErrorCode.INSUFFICIENT_AUTHENTICATION)

    return [
        gatt.Service(
            UUID.from_16_bits(0xFF00),
            [
                secret(0xFF01, char.READABLE, b'open'),
                secret(
                    0xFF02,
                    char.READABLE
                    | char.READ_REQUIRES_ENCRYPTION
                    | char.WRITEABLE
                    | char.WRITE_REQUIRES_ENCRYPTION,
                    b'encrypted',
                ),
                secret(
                    0xFF03,
                    char.READABLE | char.READ_REQUIRES_AUTHENTICATION,
                    b'authenticated',
                ),
                # Bumble takes any pairing for authenticated; this one takes none.
                secret(0xFF04, char.READABLE, gatt.CharacteristicValue(read=never)),
            ],
        )
    ]


@contextlib.asynccontextmanager
async def reached(arguments):
    """The host of the device's own controller, and where the other side finds its, if that is ours."""
    if arguments.transport:
        async with await open_transport(arguments.transport) as transport:
            yield Host(transport.source, transport.sink), {}
        return
    other = served.make(arguments)
    own = Controller('lock', link=other.link)
    served.configure(own, arguments)
    place = await served.serve(other, arguments.serve, 0)
    yield Host(own, AsyncPipeSink(own)), {'spec': served.spec(place)}


async def main(arguments):
    async with reached(arguments) as (host, place):
        config = DeviceConfiguration(
            name='Bumble Lock',
            address=Address(ADDRESS),
            irk=IRK,
            le_privacy_enabled=arguments.private,
        )
        device = Device(config=config, host=host)
        device.keystore = PeripheralKeyStore()
        server = Server(device)
        server.configure('none', True, False, True, 16, True)
        device.on('connection', server.connected)
        device.add_services(services())
        device.advertising_data = bytes(
            AdvertisingData([(AdvertisingData.Type.FLAGS, bytes([0x06]))])
        )
        await device.power_on()
        await advertise(device)
        emit('ready', **place)

        async def configure(
            io='none', sc=True, mitm=False, bonding=True, key_size=16, accept=True
        ):
            server.configure(io, sc, mitm, bonding, key_size, accept)

        async def answer(value):
            server.person.answer.set_result(value)

        async def forget():
            await device.keystore.delete_all()

        async def spoil():
            # Another key under the same name.
            for _name, keys in await device.keystore.get_all():
                (keys.ltk or keys.ltk_peripheral).value = bytes(16)

        async def update(announce):
            server.update()
            server.announces = announce

        async def announce():
            await server.announce()

        async def request():
            server.connection.request_pairing()

        async def hide():
            # The restart after a disconnection has to be through.
            await asyncio.sleep(0.3)
            await device.stop_advertising()

        async def show():
            await advertise(device)

        async def rotate():
            await hide()
            await device.update_rpa()
            # Bumble has set the one before, which legacy advertising would use.
            await device.send_sync_command(
                HCI_LE_Set_Random_Address_Command(random_address=device.random_address)
            )
            await advertise(device)
            return {'address': str(device.random_address)}

        async def l2cap_serve(psm, mtu, mps, credits, echo):
            def opened(channel):
                emit('l2cap_opened', psm=channel.psm, mtu=channel.mtu, peer_mtu=channel.peer_mtu)
                digest, total = hashlib.sha256(), 0

                def sink(data):
                    nonlocal total
                    digest.update(data)
                    total += len(data)
                    if echo:
                        channel.write(data)

                channel.sink = sink
                channel.on(
                    'close',
                    lambda: emit('l2cap_closed', total=total, sha256=digest.hexdigest()),
                )

            spec = l2cap.LeCreditBasedChannelSpec(psm, mtu, mps, credits)
            device.create_l2cap_server(spec=spec, handler=opened)

        async def l2cap_open(psm, length, mtu=1000, mps=200, credits=8):
            spec = l2cap.LeCreditBasedChannelSpec(psm, mtu, mps, credits)
            try:
                channel = await server.connection.create_l2cap_channel(spec)
            except Exception as error:  # pylint: disable=broad-except
                return {'refused': repr(error)}
            data = bytes(i * 7 % 251 for i in range(length))
            size = channel.peer_mtu
            for at in range(0, length, size):
                channel.write(data[at : at + size])
            await channel.drain()
            await channel.disconnect()
            return {'sha256': hashlib.sha256(data).hexdigest()}

        async def sha256(length):
            data = bytes(i * 7 % 251 for i in range(length))
            return {'sha256': hashlib.sha256(data).hexdigest()}

        async def l2cap_malformed(psm):
            spec = l2cap.LeCreditBasedChannelSpec(psm)
            channel = await server.connection.create_l2cap_channel(spec)
            for frame in (b'', b'\x01', bytes([255, 255]) + bytes(100)):
                device.send_l2cap_pdu(
                    server.connection.handle, channel.destination_cid, frame
                )

        async def disconnect(reason=0x13):
            await server.connection.disconnect(reason)

        async def oob_legacy(tk):
            server.oob = PairingConfig.OobConfig(
                None, None, smp.OobLegacyContext(bytes.fromhex(tk))
            )

        async def oob_secure(random=None, confirm=None):
            theirs = None
            if random:
                theirs = smp.OobSharedData(
                    c=bytes.fromhex(confirm), r=bytes.fromhex(random)
                )
            context = smp.OobContext()
            server.oob = PairingConfig.OobConfig(context, theirs, None)
            shared = context.share()
            return {'random': shared.r.hex(), 'confirm': shared.c.hex()}

        commands = [configure, answer, forget, spoil, update, announce, request, disconnect]
        commands += [oob_legacy, oob_secure, hide, show, rotate]
        commands += [l2cap_serve, l2cap_open, l2cap_malformed, sha256]
        await obey({c.__name__: c for c in commands}, True)


async def advertise(device):
    await device.start_advertising(
        auto_restart=True, advertising_interval_min=50, advertising_interval_max=50
    )


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument('--transport', help='where its controller is')
    way.add_argument('--serve', choices=['tcp', 'pty'], help='the other side its controller')
    served.add_options(parser)
    parser.add_argument('--private', action='store_true', help='go by changing addresses')
    parser.add_argument('--log', default='ERROR')
    arguments = parser.parse_args()
    logging.basicConfig(level=arguments.log.upper())
    asyncio.run(main(arguments))
