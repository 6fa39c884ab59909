//! Every route of the server, one line each.
