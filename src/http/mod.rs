//! An HTTP toolbox that knows no protocol.
