//! What is built once and handed to every request.
