"""A Bumble virtual controller that a host outside of this process uses, over TCP or a PTY."""

import asyncio
import collections
import os
import tempfile

from bumble import hci, ll
from bumble.controller import Controller
from bumble.core import InvalidArgumentError
from bumble.link import LocalLink
from bumble.transport import open_transport
from bumble.transport.common import StreamPacketSource

from events import emit

PUBLIC_ADDRESS = 'C0:FF:EE:00:00:01'


def add_options(parser):
    """What can be asked of a controller on the command line."""
    add = parser.add_argument
    add('--extended', action='store_true', help='have LE Extended Advertising')
    add('--acl-buffers', type=int, default=8, help='LE ACL data packets it has room for')
    add('--acl-length', type=int, default=27, help='bytes in an LE ACL data packet')
    add('--acl-delay', type=float, default=0, help='seconds to hold each ACL data packet')
    add('--no-address', action='store_true', help='have no public address')
    add('--as-is', action='store_true', help="Bumble's controller without our repairs")


def configure(controller, arguments):
    """Gives a controller the features and buffers that the command line asks for."""
    if not arguments.extended:
        controller.le_features &= ~(
            hci.LeFeatureMask.LE_EXTENDED_ADVERTISING
            | hci.LeFeatureMask.LE_PERIODIC_ADVERTISING
        )
    controller.total_num_le_acl_data_packets = arguments.acl_buffers
    controller.le_acl_data_packet_length = arguments.acl_length


class RepairedController(Controller):
    """Bumble's controller with the gaps closed that break the HCI contract; see docs/bumble.md."""

    def on_hci_reset_command(self, command):
        self.power_cycle()
        return super().on_hci_reset_command(command)

    def power_cycle(self):
        """Ends all that the last host began, as if the controller had lost its power."""
        for connection in list(self.le_connections.values()):
            reason = hci.HCI_ErrorCode.REMOTE_DEVICE_TERMINATED_CONNECTION_DUE_TO_POWER_OFF_ERROR
            try:
                connection.send_ll_control_pdu(ll.TerminateInd(reason))
            except InvalidArgumentError:
                pass  # The peer is gone too.
        self.le_connections.clear()
        self.pending_le_connection = None
        self.le_scan_enable = False
        self.le_legacy_advertiser.stop()
        for advertising_set in self.advertising_sets.values():
            advertising_set.stop()
        self.advertising_sets.clear()

    def on_hci_command_packet(self, command):
        handler = f'on_{command.name.lower()}'
        if not hasattr(self, handler) and not isinstance(command, hci.HCI_SyncCommand):
            self._send_hci_command_status(
                hci.HCI_ErrorCode.UNKNOWN_HCI_COMMAND_ERROR, command.op_code
            )
            return
        super().on_hci_command_packet(command)

    def on_hci_le_create_connection_cancel_command(self, command):
        pending, self.pending_le_connection = self.pending_le_connection, None
        if pending is None:
            return hci.HCI_StatusReturnParameters(
                hci.HCI_ErrorCode.COMMAND_DISALLOWED_ERROR
            )
        # After the Command Complete, which goes out when this has returned.
        asyncio.get_running_loop().call_soon(
            self.send_hci_packet,
            hci.HCI_LE_Connection_Complete_Event(
                status=hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR,
                connection_handle=0,
                role=hci.Role.CENTRAL,
                peer_address_type=pending.peer_address.address_type,
                peer_address=pending.peer_address,
                connection_interval=0,
                peripheral_latency=0,
                supervision_timeout=0,
                central_clock_accuracy=0,
            ),
        )
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)

    def on_hci_disconnect_command(self, command):
        if self.find_connection_by_handle(command.connection_handle) is None:
            self._send_hci_command_status(
                hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR, command.op_code
            )
            return
        super().on_hci_disconnect_command(command)


class RepairedLink(LocalLink):
    """Bumble's air, where data also goes out under a public address that a connection was made with."""

    def send_acl_data(self, sender_controller, destination_address, transport, data):
        connection = sender_controller.le_connections.get(destination_address)
        destination = self.find_le_controller(destination_address)
        if connection is not None and destination is not None:
            asyncio.get_running_loop().call_soon(
                destination.on_link_acl_data, connection.self_address, transport, data
            )


class PacedController(RepairedController):
    """Holds every ACL packet for a while, and tells when a host sends more than there is room for."""

    acl_delay = 0.0

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.held = collections.deque()

    def power_cycle(self):
        super().power_cycle()
        self.held.clear()

    def on_le_disconnected(self, connection, reason):
        # A disconnection gives the host its buffers back.
        kept = (p for p in self.held if p.connection_handle != connection.handle)
        self.held = collections.deque(kept)
        super().on_le_disconnected(connection, reason)

    def on_hci_acl_data_packet(self, packet):
        self.held.append(packet)
        if len(self.held) > self.total_num_le_acl_data_packets:
            emit('acl_overflow', held=len(self.held))
        if len(packet.data) > self.le_acl_data_packet_length:
            emit('acl_too_long', length=len(packet.data))
        if len(self.held) == 1:
            self._release_later()

    def _release_later(self):
        asyncio.get_running_loop().call_later(self.acl_delay, self._release)

    def _release(self):
        if self.held:
            super().on_hci_acl_data_packet(self.held.popleft())
        if self.held:
            self._release_later()


def make(arguments):
    """The controller that the command line asks for, on a link of its own."""
    link = LocalLink() if arguments.as_is else RepairedLink()
    if arguments.as_is:
        kind = Controller
    elif arguments.acl_delay:
        kind = PacedController
    else:
        kind = RepairedController
    # Without an address it has all zeros, as in Bumble's own applications and on Zephyr.
    addressed = not (arguments.as_is or arguments.no_address)
    address = PUBLIC_ADDRESS if addressed else None
    controller = kind('served', link=link, public_address=address)
    configure(controller, arguments)
    if arguments.acl_delay:
        controller.acl_delay = arguments.acl_delay
    return controller


async def serve(controller, transport, tcp_port):
    """Serves the controller; answers what tells a test where."""
    if transport == 'pty':
        # Bumble tells a PTY's name only as the target of a link that it makes.
        with tempfile.TemporaryDirectory() as folder:
            link = os.path.join(folder, 'pty')
            # The transport owns the PTY, so it must live as long as the controller.
            controller.pty = await open_transport(f'pty:{link}')
            path = os.readlink(link)
        controller.pty.source.set_packet_sink(controller)
        controller.set_packet_sink(controller.pty.sink)
        return {'path': path}

    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: _TcpHost(controller), '127.0.0.1', tcp_port
    )
    controller.server = server
    return {'port': server.sockets[0].getsockname()[1]}


def spec(place):
    """Where a controller is served, as `hci_transport::open` understands it."""
    if 'port' in place:
        return f'tcp-client:127.0.0.1:{place["port"]}'
    return f'serial:{place["path"]}'


class _TcpHost(StreamPacketSource):
    """One host's TCP connection. The latest host has the controller; an earlier one is hung up on."""

    def __init__(self, controller):
        super().__init__()
        self.controller = controller
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport
        earlier = self.controller.hci_sink
        self.controller.set_packet_sink(self)
        if earlier is not None:
            earlier.transport.close()
        self.set_packet_sink(self.controller)
        emit('host_connected')

    def connection_lost(self, error):
        if self.controller.hci_sink is self:
            self.controller.set_packet_sink(None)
            if isinstance(self.controller, RepairedController):
                self.controller.power_cycle()
        emit('host_lost')

    def data_received(self, data):
        if self.controller.hci_sink is self:
            super().data_received(data)

    def on_packet(self, packet):
        self.transport.write(packet)
