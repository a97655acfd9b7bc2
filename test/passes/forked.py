"""A process that has imported what lit's commands need, and forks one that runs each of them.

    python forked.py SOCKET                                   the server; it ends with its stdin
    python -IS forked.py SOCKET rt3d-mlir-opt ARGUMENTS...    a command, as the console script of that name

Why: the lit files are 300 commands. Each starts a Python that imports IREE's bindings, numpy and all passes, or
FileCheck, and then works for some milliseconds: nearly all of the time is imports. The server pays for them once.

Why it forks, and does not just call the commands: a command ends its process, sets sys.argv, the current folder and its
streams, and MLIR keeps what is registered for the life of a process. A child has all of that to itself, and what it
breaks dies with it. The server itself runs nothing of ours, and starts no thread that a fork could lose.

Why not `lit` by itself: it works too, `lit test/passes` starts the console scripts, and needs none of this. Only pytest
(test_lit.py) starts the server and says so to lit.cfg.py by RT3D_FORKED.

The client (`call`) imports little, and hands over its arguments, its folder and its stdin, stdout and stderr.
"""

import os
import socket
import sys

_LARGEST = 2**20


def call(address: str, argv: list[str]) -> int:
    """Has the server run a command; its exit code."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.connect(address)
        socket.send_fds(server, ["\0".join([os.getcwd(), *argv]).encode()], [0, 1, 2])
        code = server.recv(1)
    return code[0] if code else 70  # the command died


def serve(address: str) -> None:
    """Runs commands side by side until stdin ends."""
    import gc
    import selectors
    import signal

    from filecheck.main import main as filecheck

    from rt3d_mlir.tools.opt import main as opt

    commands = {"rt3d-mlir-opt": opt, "filecheck": filecheck}
    gc.freeze()  # a collection in the child would copy all that is shared
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener, selectors.DefaultSelector() as selector:
        listener.bind(address)
        listener.listen(64)
        selector.register(listener, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        while all(key.fileobj is listener for key, _ in selector.select()):
            client, _ = listener.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _run(client, commands)
            client.close()


def _run(client: socket.socket, commands: dict) -> None:
    """In the child: becomes the command."""
    code = 1
    try:
        words, streams, *_ = socket.recv_fds(client, _LARGEST, 3)
        for i, stream in enumerate(streams):
            os.dup2(stream, i)
            os.close(stream)
        # New objects, for Python keeps what it found out of the server's own streams, such as that they can seek.
        sys.stdin, sys.stdout, sys.stderr = (open(i, mode, closefd=False) for i, mode in enumerate("rww"))  # noqa: SIM115
        folder, *sys.argv = words.decode().split("\0")
        os.chdir(folder)
        code = commands[sys.argv[0]]() or 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        client.send(bytes([code]))
        os._exit(0)


if __name__ == "__main__":
    sys.exit(call(*sys.argv[1:2], sys.argv[2:])) if len(sys.argv) > 2 else serve(sys.argv[1])
