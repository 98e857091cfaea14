"""The server under load: many sessions, their streams, a full line, a tenant that floods."""
