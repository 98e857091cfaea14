"""The studio behind HTTP: ``danqing serve``.

`desk` takes requests and carries them out, in the order of the `line`; `app` is what all routes
share: `guests` come in by a key, as often as their `quota` allows, with `bodies` of a size, and of
`faults` only the log knows more. `native` is the studio's own API, `pages` the page in a browser
that uses it, and `openai` speaks as OpenAI's does, for the programs that know that one. None of
them decides anything about pictures.
"""
