"""For processes that a test interrupts: a shell that runs the tests in the background has them ignore SIGINT, and
children inherit that.
"""

import functools
import signal

#: The preexec_fn of such a process.
restore = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
