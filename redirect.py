"""The WSGI entry point of the redirect for any server: `granian --interface wsgi redirect:app`."""

from web.serve import load_redirect

app = load_redirect()
