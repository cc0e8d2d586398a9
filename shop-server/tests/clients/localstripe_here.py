"""Runs localstripe, and tells its port: on loopback only, and without the file that it would keep under /tmp.

What it lacks is tested against the strict stand-in of `shop_server::stripe::stub`: it ignores idempotency keys and the
version of the API, lets one refund too much, and sends no events about refunds.
"""

import socket

from aiohttp import web
from localstripe import resources, server

resources.Store.dump_to_disk = lambda self: None

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
web.run_app(server.app, sock=listener, access_log=None, print=None)
