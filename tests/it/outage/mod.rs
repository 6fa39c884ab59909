//! The database gone: every endpoint that needs it says "come again", nothing is half done, and all goes on by itself when it is
//! back. What was sent meanwhile is sent again and works: an honest retry.

mod gone;
mod locked;
mod world;
