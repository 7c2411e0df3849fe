"""A Bumble peripheral that advertises, and reports what happens to its connections."""

import struct

from bumble.controller import Controller
from bumble.core import AdvertisingData
from bumble.device import Device
from bumble.hci import Address
from bumble.host import Host
from bumble.transport.common import AsyncPipeSink

from events import emit
from served import configure

ADVERTISING_INTERVAL_MS = 100


class Peripheral:
    """One device on the link, with a controller of its own."""

    def __init__(self, link, index, arguments, services, advertised, name):
        self.name = name if index == 0 else f'{name} {index + 1}'
        self.address = Address(f'F0:F1:F2:F3:F4:{0xF5 - index:02X}')
        controller = Controller(self.name, link=link)
        configure(controller, arguments)
        self.device = Device(
            name=self.name,
            address=self.address,
            host=Host(controller, AsyncPipeSink(controller)),
        )
        self.device.on(Device.EVENT_CONNECTION, self._connected)
        self.connection = None
        self.services = services(self)
        self.device.add_services(self.services)
        for service in self.services:
            for characteristic in service.characteristics:
                self._report_subscriptions(characteristic)
        # All in one packet: a virtual controller gives the advertisement for a scan response too.
        self.device.advertising_data = bytes(
            AdvertisingData(
                [
                    (AdvertisingData.Type.FLAGS, bytes([0x06])),
                    (
                        AdvertisingData.Type.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
                        struct.pack('<H', advertised),
                    ),
                    (AdvertisingData.Type.COMPLETE_LOCAL_NAME, self.name.encode()),
                ]
            )
        )

    async def start(self, advertise):
        await self.device.power_on()
        if advertise:
            await self.advertise(True)

    async def advertise(self, on):
        """Starts or stops to be seen; while on, it starts again after each connection."""
        if on:
            await self.device.start_advertising(
                auto_restart=True,
                advertising_interval_min=ADVERTISING_INTERVAL_MS,
                advertising_interval_max=ADVERTISING_INTERVAL_MS,
            )
        else:
            await self.device.stop_advertising()

    async def disconnect(self, reason):
        """Ends the connection from this side."""
        if self.connection is not None:
            await self.connection.disconnect(reason)

    def _emit(self, event, **fields):
        emit(event, peripheral=self.name, **fields)

    def _connected(self, connection):
        self.connection = connection
        self._emit('connected', peer=str(connection.peer_address))

        def disconnected(reason):
            self.connection = None
            self._emit('disconnected', reason=reason)

        connection.on(connection.EVENT_DISCONNECTION, disconnected)
        connection.on(
            connection.EVENT_CONNECTION_ATT_MTU_UPDATE,
            lambda: self._emit('mtu', mtu=connection.att_mtu),
        )

    def _report_subscriptions(self, characteristic):
        def changed(_bearer, notify, indicate):
            self._emit(
                'subscribed' if notify or indicate else 'unsubscribed',
                uuid=characteristic.uuid.to_hex_str('-'),
                notify=notify,
                indicate=indicate,
            )

        characteristic.on(characteristic.EVENT_SUBSCRIPTION, changed)
