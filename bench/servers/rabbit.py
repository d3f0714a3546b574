"""A private RabbitMQ node: own name, ports, data, cookie and epmd, loopback only."""

from __future__ import annotations

import itertools
import signal
import socket
import struct
from pathlib import Path

from bench.servers.kept import Kept, Server, ServerFailed, free_ports

CONFIGURATION = """
listeners.tcp.local = 127.0.0.1:{port}
default_user = signalbox
default_pass = {password}
loopback_users = none
disk_free_limit.absolute = {disk_free_limit}
vm_memory_high_watermark.absolute = {memory}
log.file.level = warning
log.console = false
"""
MEMORY = "1GB"


class Rabbit(Server):
    """A running node; its user may do everything on every virtual host."""

    def __init__(self, *, schedulers: int = 1, disk_free_limit: str = "256MB") -> None:
        self._launcher = _launcher()
        super().__init__("RabbitMQ", Kept("mq", "rabbitmq", "nobody"))
        self._port, self._dist_port, self._epmd_port = free_ports(3)
        self._schedulers = schedulers
        self._vhosts = itertools.count(1)
        try:
            self._configure(disk_free_limit)
            self.start()
        except BaseException:
            self._kept.close()
            raise

    @property
    def url(self) -> str:
        """The default virtual host."""
        return self._url("%2F")

    @property
    def port(self) -> int:
        return self._port

    def fresh_vhost(self) -> str:
        """The URL of a new, empty virtual host."""
        name = f"fresh_{next(self._vhosts)}"
        self.evaluate(
            f'ok = rabbit_vhost:add(<<"{name}">>, <<"tests">>), rabbit_auth_backend_internal:set_permissions('
            f'<<"signalbox">>, <<"{name}">>, <<".*">>, <<".*">>, <<".*">>, <<"tests">>)'
        )
        return self._url(name)

    def drop_vhost(self, url: str) -> None:
        """Delete the virtual host of this URL with its queues and close its connections."""
        self.evaluate(f'rabbit_vhost:delete(<<"{url.rpartition("/")[2]}">>, <<"tests">>)')

    def set_policy(self, url: str, name: str, pattern: str, definition: str) -> None:
        """Apply a policy to queues whose name matches; the definition is Erlang, as in `[{<<"max-length">>, 10}]`."""
        vhost = url.rpartition("/")[2]
        where = f'<<"{vhost}">>, <<"{name}">>, <<"{pattern}">>'
        self.evaluate(f'ok = rabbit_policy:set({where}, {definition}, 0, <<"queues">>, <<"tests">>)')

    def set_alarm(self, on: bool = True) -> None:
        """Raise or clear the memory alarm, which blocks every publishing connection."""
        self.evaluate(f"vm_memory_monitor:set_vm_memory_high_watermark({{absolute, {1 if on else '1000000000'}}})")

    def close_connections(self) -> None:
        """Cut all client connections, as an operator or a failing network would."""
        self.evaluate('[rabbit_networking:close_connection(Pid, "test") || Pid <- rabbit_networking:connections()]')

    def evaluate(self, expression: str) -> str:
        """Run Erlang expressions inside the node, without the closing full stop; the answer is the printed value."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(30)
            control.connect(str(self._kept.directory / "control"))
            text = f"{expression}.".encode()
            control.sendall(struct.pack(">I", len(text)) + text)
            with control.makefile("rb") as answers:
                answer = answers.read(struct.unpack(">I", answers.read(4))[0]).decode()
        if not answer.startswith("ok "):
            raise ServerFailed(f"{expression}: {answer}")
        return answer.removeprefix("ok ")

    def start(self) -> None:
        """Start and wait until the node has booted and recovered its queues."""
        (self._kept.directory / "control").unlink(missing_ok=True)
        self._pid = self._kept.start([str(self._launcher)], self._environment(), signal.SIGKILL)
        self._await(self._answers)

    def stop(self) -> None:
        """Shut the node down in order; durable queues and persistent messages stay."""
        self._kept.signal(self._pid, signal.SIGTERM)
        self._kept.wait(self._pid, 180)

    def revive(self) -> None:
        """Start again if a test left it stopped; clear the alarm if a test left it set."""
        if self._ended():
            self.start()
        else:
            self.set_alarm(False)

    def _url(self, vhost: str) -> str:
        return f"amqp://signalbox:{self._password}@127.0.0.1:{self._port}/{vhost}"

    def _configure(self, disk_free_limit: str) -> None:
        for folder in ("data", "logs", "plugins", "generated"):
            self._kept.folder(folder)
        settings = CONFIGURATION.format(
            port=self._port, password=self._password, disk_free_limit=disk_free_limit, memory=MEMORY
        )
        self._kept.file("rabbitmq.conf", settings)
        self._kept.file("enabled_plugins", "[].")
        self._kept.file("control.erl", Path(__file__).with_name("control.erl").read_text())
        self._kept.file("empty.conf", "")

    def _environment(self) -> dict[str, str]:
        own = self._kept.directory
        erlang = f"+S {self._schedulers}:{self._schedulers} +A 8 -kernel inet_dist_use_interface {{127,0,0,1}}"
        return {
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"signalbox{self._port}@localhost",
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_MNESIA_BASE": f"{own}/data",
            "RABBITMQ_LOG_BASE": f"{own}/logs",
            "RABBITMQ_PLUGINS_EXPAND_DIR": f"{own}/plugins",
            "RABBITMQ_GENERATED_CONFIG_DIR": f"{own}/generated",
            "RABBITMQ_CONFIG_FILE": f"{own}/rabbitmq.conf",
            "RABBITMQ_CONF_ENV_FILE": f"{own}/empty.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{own}/enabled_plugins",
            # the launcher then replaces itself by the virtual machine, so the process we signal is the node
            "RUNNING_UNDER_SYSTEMD": "true",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f'{erlang} -eval file:script("{own}/control.erl")',
        }

    def _answers(self) -> bool:
        try:
            return self.evaluate("rabbit:is_running()") == "true"
        except OSError:
            return False


def _launcher() -> Path:
    """RabbitMQ's own start script; the wrapper of the distribution insists on its own user and paths."""
    found = sorted(Path("/usr/lib/rabbitmq/lib").glob("*/sbin/rabbitmq-server"))
    if not found:
        raise ServerFailed("RabbitMQ is not installed; run ops/bootstrap.sh rabbitmq")
    return found[-1]
