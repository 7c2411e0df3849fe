"""A heart rate sensor: Heart Rate, Battery and Device Information."""

import asyncio
import itertools
import struct

from bumble import gatt
from bumble.att import ATT_Error

from events import emit

READ = gatt.Characteristic.Properties.READ
WRITE = gatt.Characteristic.Properties.WRITE
NOTIFY = gatt.Characteristic.Properties.NOTIFY
READABLE = gatt.Characteristic.READABLE
WRITEABLE = gatt.Characteristic.WRITEABLE

NAME = 'Bumble Heart'
FIRST_BPM = 60


def heart_rate(interval):
    """The services; a subscriber gets a beat each `interval` seconds, 60 bpm first, then one more."""

    def services(peripheral):
        measurement = gatt.Characteristic(
            gatt.GATT_HEART_RATE_MEASUREMENT_CHARACTERISTIC, NOTIFY, READABLE
        )
        beating = {}

        async def beat(bearer):
            # Two bytes of rate, so that a test can count far past 255.
            for bpm in itertools.count(FIRST_BPM):
                await asyncio.sleep(interval)
                value = struct.pack('<BH', 0x01, bpm & 0xFFFF)
                await peripheral.device.notify_subscriber(bearer, measurement, value)

        def subscription(bearer, notify, _indicate):
            if task := beating.pop(bearer, None):
                task.cancel()
            if notify:
                beating[bearer] = task = asyncio.create_task(beat(bearer))
                bearer.on(bearer.EVENT_DISCONNECTION, lambda _reason: task.cancel())

        measurement.on(measurement.EVENT_SUBSCRIPTION, subscription)

        def control(_connection, value):
            if value != b'\x01':
                # Control Point Not Supported, the profile's own error.
                raise ATT_Error(0x80)
            emit('energy_reset', peripheral=peripheral.name)

        return [
            gatt.Service(
                gatt.GATT_HEART_RATE_SERVICE,
                [
                    measurement,
                    gatt.Characteristic(
                        gatt.GATT_BODY_SENSOR_LOCATION_CHARACTERISTIC,
                        READ,
                        READABLE,
                        bytes([0x01]),
                    ),
                    gatt.Characteristic(
                        gatt.GATT_HEART_RATE_CONTROL_POINT_CHARACTERISTIC,
                        WRITE,
                        WRITEABLE,
                        gatt.CharacteristicValue(write=control),
                    ),
                ],
            ),
            gatt.Service(
                gatt.GATT_BATTERY_SERVICE,
                [
                    gatt.Characteristic(
                        gatt.GATT_BATTERY_LEVEL_CHARACTERISTIC,
                        READ | NOTIFY,
                        READABLE,
                        bytes([87]),
                    )
                ],
            ),
            gatt.Service(
                gatt.GATT_DEVICE_INFORMATION_SERVICE,
                [
                    gatt.Characteristic(uuid, READ, READABLE, text)
                    for uuid, text in (
                        (gatt.GATT_MANUFACTURER_NAME_STRING_CHARACTERISTIC, b'Bumble'),
                        (gatt.GATT_MODEL_NUMBER_STRING_CHARACTERISTIC, b'Heart 1'),
                        (gatt.GATT_SERIAL_NUMBER_STRING_CHARACTERISTIC, b'0001'),
                    )
                ],
            ),
        ]

    return services
