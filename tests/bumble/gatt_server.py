"""A rich GATT database, for whoever tests a GATT client against a server that is not ours.

Everything in it has a 128-bit UUID made of a short number: `uuid(n)`. The Rust side knows the numbers
from `database` in `tests/bumble/database.rs`; the two lists are the same.
"""

import asyncio
import struct

from bumble import att, gatt
from bumble.core import UUID

from events import emit

NAME = 'Bumble GATT'
ADVERTISED = 0x180F

Properties = gatt.Characteristic.Properties
READ = Properties.READ
WRITE = Properties.WRITE
COMMAND = Properties.WRITE_WITHOUT_RESPONSE
NOTIFY = Properties.NOTIFY
INDICATE = Properties.INDICATE
EXTENDED = Properties.EXTENDED_PROPERTIES
READABLE = gatt.Characteristic.READABLE
WRITEABLE = gatt.Characteristic.WRITEABLE
BOTH = READABLE | WRITEABLE

# Services.
MAIN = 0x0001
CROWD = 0x0002
MIXED = 0x0003
SECONDARY = 0x0004
# Characteristics of MAIN.
LONG = 0x0101
EMPTY = 0x0102
LENGTH = 0x0103
PATTERN = 0x0104
COMMANDS = 0x0105
COMMANDS_SEEN = 0x0106
RELIABLE_A = 0x0107
RELIABLE_B = 0x0108
INDICATED = 0x0109
BURST = 0x010A
CONTROL = 0x010B
SLOW = 0x010C
WRITE_ONLY = 0x010D
READ_ONLY = 0x010E
NEEDS_AUTHENTICATION = 0x010F
NEEDS_ENCRYPTION = 0x0110
NEEDS_AUTHORIZATION = 0x0111
REFUSES = 0x0112
EAGER = 0x0113
EITHER = 0x0114
DESCRIBED = 0x0115
# Descriptors of DESCRIBED, beside User Description and Presentation Format.
LONG_DESCRIPTOR = 0x0116
WRITABLE_DESCRIPTOR = 0x0117
# The characteristics of CROWD are FIRST_IN_CROWD and those after it.
FIRST_IN_CROWD = 0x0200
CROWD_SIZE = 50

APPLICATION_ERROR = 0x81
EAGER_COUNT = 3


def uuid(number):
    return UUID(f'D09E{number:04X}-3C1F-4E4B-9A52-6D1F1C0FFEE0')


def pattern(length):
    """The bytes that a long value is made of: no two stretches of it are alike for 251 bytes."""
    return bytes(i % 251 for i in range(length))


def characteristic(number, properties, permissions, value=b'', descriptors=()):
    return gatt.Characteristic(
        uuid(number) if isinstance(number, int) else number,
        properties,
        permissions,
        value,
        descriptors,
    )


def dynamic(read=None, write=None):
    """A value made of functions. Bumble doesn't check what may be read or written: this does."""

    def forbidden_read(_connection):
        raise att.ATT_Error(att.ATT_READ_NOT_PERMITTED_ERROR)

    def forbidden_write(_connection, _value):
        raise att.ATT_Error(att.ATT_WRITE_NOT_PERMITTED_ERROR)

    return gatt.CharacteristicValue(
        read=read or forbidden_read, write=write or forbidden_write
    )


def services(peripheral):
    """The whole database."""
    first_battery = battery(55)
    secondary = gatt.Service(
        uuid(SECONDARY),
        [characteristic(uuid(0x0401), READ, READABLE, b'within')],
        primary=False,
    )
    main = gatt.Service(
        uuid(MAIN),
        main_characteristics(peripheral),
        included_services=[first_battery, secondary],
    )
    # What is included must come before, or Bumble puts its attributes inside the service.
    return [first_battery, secondary, main, battery(66), crowd(), mixed()]


def finish(server):
    """Repairs what Bumble's include declarations say of a 128-bit service: no UUID belongs there."""
    for attribute in server.attributes:
        if (
            isinstance(attribute, gatt.IncludedServiceDeclaration)
            and len(bytes(attribute.service.uuid)) == 16
        ):
            attribute.value = struct.pack(
                '<HH', attribute.service.handle, attribute.service.end_group_handle
            )


def battery(level):
    return gatt.Service(
        gatt.GATT_BATTERY_SERVICE,
        [
            characteristic(
                gatt.GATT_BATTERY_LEVEL_CHARACTERISTIC, READ, READABLE, bytes([level])
            )
        ],
    )


def crowd():
    return gatt.Service(
        uuid(CROWD),
        [
            characteristic(FIRST_IN_CROWD + i, READ, READABLE, bytes([i]))
            for i in range(CROWD_SIZE)
        ],
    )


def mixed():
    """16-bit and 128-bit UUIDs side by side; they can't share a response."""
    return gatt.Service(
        uuid(MIXED),
        [
            characteristic(
                UUID.from_16_bits(0xFFE0 + i) if i % 3 else uuid(0x0300 + i),
                READ,
                READABLE,
                bytes([i]),
            )
            for i in range(10)
        ],
    )


def main_characteristics(peripheral):
    server = peripheral.device.gatt_server
    state = State()
    burst = characteristic(BURST, NOTIFY, READABLE)
    indicated = characteristic(INDICATED, INDICATE, READABLE)
    either = characteristic(EITHER, NOTIFY | INDICATE, READABLE)
    eager = characteristic(EAGER, NOTIFY, READABLE)

    async def notify(bearer, target, first, count, length):
        for sequence in range(first, first + count):
            value = struct.pack('<I', sequence) + pattern(max(length - 4, 0))
            await server.notify_subscriber(bearer, target, value)

    async def indicate(bearer, target, count):
        for sequence in range(count):
            value = struct.pack('<I', sequence)
            await server.indicate_subscriber(bearer, target, value)
            emit('confirmed', sequence=sequence)

    async def control(connection, value):
        """`what: u8, count: u32, length: u16`: sends `count` values, as fast as it can."""
        what, count, length = struct.unpack('<BIH', value)
        match what:
            case 0:
                work = notify(connection, burst, 0, count, length)
            case 1:
                work = indicate(connection, indicated, count)
            case 2:
                work = notify(connection, either, 0, count, length)
            case 3:
                work = indicate(connection, either, count)
            case _:
                raise att.ATT_Error(APPLICATION_ERROR)
        state.keep(work)

    def eagerly(bearer, enabled, _indicate):
        # These reach the client before the response to the write that asked for them.
        if enabled:
            for sequence in range(EAGER_COUNT):
                notification = att.ATT_Handle_Value_Notification(
                    attribute_handle=eager.handle,
                    attribute_value=struct.pack('<I', sequence),
                )
                server.send_gatt_pdu(bearer, bytes(notification))

    eager.on(eager.EVENT_SUBSCRIPTION, eagerly)

    def refuse(*_arguments):
        raise att.ATT_Error(APPLICATION_ERROR)

    def reliable(number):
        return characteristic(
            number,
            READ | WRITE | EXTENDED,
            BOTH,
            b'',
            [
                gatt.Descriptor(
                    gatt.GATT_CHARACTERISTIC_EXTENDED_PROPERTIES_DESCRIPTOR,
                    READABLE,
                    bytes([0x01, 0x00]),
                )
            ],
        )

    Permissions = att.Attribute.Permissions
    return [
        characteristic(LONG, READ | WRITE, BOTH, pattern(512)),
        characteristic(EMPTY, READ, READABLE, b''),
        characteristic(
            LENGTH,
            READ | WRITE,
            BOTH,
            dynamic(lambda _: struct.pack('<H', state.length), state.set_length),
        ),
        characteristic(
            PATTERN, READ, READABLE, dynamic(lambda _: pattern(state.length))
        ),
        characteristic(
            COMMANDS, COMMAND, WRITEABLE, dynamic(write=state.command)
        ),
        characteristic(
            COMMANDS_SEEN,
            READ | WRITE,
            BOTH,
            dynamic(state.commands_seen, state.forget_commands),
        ),
        reliable(RELIABLE_A),
        reliable(RELIABLE_B),
        indicated,
        burst,
        characteristic(CONTROL, WRITE, WRITEABLE, dynamic(write=control)),
        characteristic(
            SLOW, READ | WRITE, BOTH, dynamic(state.read_slowly, state.set_delay)
        ),
        characteristic(
            WRITE_ONLY, WRITE, WRITEABLE, dynamic(write=lambda *_: None)
        ),
        characteristic(READ_ONLY, READ, READABLE, dynamic(lambda _: b'read only')),
        characteristic(
            NEEDS_AUTHENTICATION,
            READ | WRITE,
            BOTH
            | Permissions.READ_REQUIRES_AUTHENTICATION
            | Permissions.WRITE_REQUIRES_AUTHENTICATION,
            b'secret',
        ),
        characteristic(
            NEEDS_ENCRYPTION,
            READ | WRITE,
            BOTH
            | Permissions.READ_REQUIRES_ENCRYPTION
            | Permissions.WRITE_REQUIRES_ENCRYPTION,
            b'hidden',
        ),
        characteristic(
            NEEDS_AUTHORIZATION,
            READ,
            READABLE | Permissions.READ_REQUIRES_AUTHORIZATION,
            b'never',
        ),
        characteristic(REFUSES, READ | WRITE, BOTH, dynamic(refuse, refuse)),
        eager,
        either,
        characteristic(
            DESCRIBED,
            READ,
            READABLE,
            b'described',
            [
                gatt.Descriptor(
                    gatt.GATT_CHARACTERISTIC_USER_DESCRIPTION_DESCRIPTOR,
                    READABLE,
                    b'A value with four descriptors' + b'!' * 30,
                ),
                gatt.Descriptor(
                    gatt.GATT_CHARACTERISTIC_PRESENTATION_FORMAT_DESCRIPTOR,
                    READABLE,
                    struct.pack('<BbHBH', 0x19, 0, 0x2700, 1, 0),
                ),
                gatt.Descriptor(uuid(LONG_DESCRIPTOR), BOTH, pattern(300)),
                gatt.Descriptor(uuid(WRITABLE_DESCRIPTOR), BOTH, b'change me'),
            ],
        ),
    ]


class State:
    """What the dynamic values remember."""

    def __init__(self):
        self.length = 22
        self.delay_ms = 500
        self.commands = self.out_of_order = 0
        self.expected = None
        self.tasks = set()

    def keep(self, work):
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def set_length(self, _connection, value):
        (self.length,) = struct.unpack('<H', value)

    def set_delay(self, _connection, value):
        (self.delay_ms,) = struct.unpack('<H', value)

    async def read_slowly(self, _connection):
        await asyncio.sleep(self.delay_ms / 1000)
        return struct.pack('<H', self.delay_ms)

    def command(self, _connection, value):
        """Counts the command; its first four bytes are its number in a row that begins anywhere."""
        (sequence,) = struct.unpack_from('<I', value)
        if self.expected is not None and sequence != self.expected:
            self.out_of_order += 1
        self.expected = sequence + 1
        self.commands += 1

    def commands_seen(self, _connection):
        return struct.pack('<II', self.commands, self.out_of_order)

    def forget_commands(self, _connection, _value):
        self.commands = self.out_of_order = 0
        self.expected = None
