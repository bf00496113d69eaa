"""The demo page: the files that the local address serves beside the API, one by one, and the headers they carry."""

from pathlib import Path

from aiohttp import web

from local.folders import PROJECT

PAGE = Path(__file__).with_name("storefront")
LIBRARIES = PROJECT / "node_modules"

HTML, CSS, JAVASCRIPT, SVG = "text/html", "text/css", "text/javascript", "image/svg+xml"

FILES = {
    "/": (PAGE / "index.html", HTML),
    "/storefront.css": (PAGE / "storefront.css", CSS),
    "/storefront.js": (PAGE / "storefront.js", JAVASCRIPT),
    "/icon.svg": (PAGE / "icon.svg", SVG),
    "/libraries/algoliasearch-lite.js": (LIBRARIES / "algoliasearch/dist/lite/builds/browser.umd.js", JAVASCRIPT),
    "/libraries/instantsearch.js": (LIBRARIES / "instantsearch.js/dist/instantsearch.production.min.js", JAVASCRIPT),
}
"""Path -> file and type. Nothing else in those folders can be had, whatever the path says."""

HEADERS = {
    # the page asks nobody but its own address, and runs no script and no style that a product's text might carry
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # kept, and asked about each time: by its ETag an unchanged file costs 304 and no bytes
    "Cache-Control": "no-cache",
}


def add_storefront(application: web.Application) -> None:
    """Serve each of `FILES` at its path."""
    for path in FILES:
        application.router.add_get(path, _file)


async def _file(request: web.Request) -> web.FileResponse:
    file, kind = FILES[request.path]
    charset = "" if kind == SVG else "; charset=utf-8"
    return web.FileResponse(file, headers=HEADERS | {"Content-Type": kind + charset})
