"""Makes responses: a page, a piece of one, JSON, or an error as whichever of them the caller reads."""

from typing import Any

import orjson
from flask import Response, render_template, request

from keepfit.frontend.replies import Reply, is_fragment, wants_page


def page(template: str, status: int, **context: Any) -> Response:
    """Return a page or a piece of one."""
    return Response(render_template(template, **context), status=status, content_type="text/html; charset=utf-8")


def json_answer(body: bytes, status: int = 200) -> Response:
    """Return JSON that is already written."""
    return Response(body, status=status, content_type="application/json")


def error_answer(reply: Reply, detail: str) -> Response:
    """Return an error: {"error": …} for programs, a page for people."""
    if not wants_page(request):
        return json_answer(orjson.dumps({"error": detail}, default=str), reply.status)
    return page("_error.html" if is_fragment(request) else "error.html", reply.status, reply=reply, detail=detail)
