"""The studio behind HTTP: ``danqing serve``.

`desk` takes requests and carries them out; `app` is what all routes share: keys, limits, errors;
`native` is the studio's own API, `pages` the page in a browser that uses it, and `openai` speaks as
OpenAI's does, for the programs that know that one. None of them decides anything about pictures.
"""
