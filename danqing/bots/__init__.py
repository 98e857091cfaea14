"""The studio in chats: ``danqing bot``.

`talk` is what all bots share: a chat's session, the desk, and what a chat is told meanwhile;
`telegram` and `discord` only carry that to the service and back.
"""
