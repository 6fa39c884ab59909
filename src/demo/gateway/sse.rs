//! Reading `text/event-stream` (WHATWG HTML §9.2.6) as it arrives, in pieces of any size.
//!
//! Refuses a line or an event that does not end within 1 MiB, and text that is not UTF-8.

const LONGEST: usize = 1024 * 1024;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its kind; `message` when the stream names none.
    pub name: String,
    /// Its data lines, joined by line feeds.
    pub data: String,
    /// The id it came with.
    pub id: Option<String>,
}

/// Why a stream can't be read on.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A line or an event is longer than this reader takes.
    #[error("an event is longer than 1 MiB")]
    TooLong,
    /// A line is not UTF-8.
    #[error("a line is not UTF-8")]
    NotText,
}

/// A reader that keeps what is unfinished between pieces.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    after_cr: bool,
    begun: bool,
    name: String,
    data: Vec<String>,
    length: usize,
    id: Option<String>,
}

impl Parser {
    /// Takes the next piece and gives the events it completes.
    ///
    /// # Errors
    /// When the stream can't be read on.
    pub fn take(&mut self, piece: &[u8]) -> Result<Vec<Event>, Broken> {
        let mut events = Vec::new();
        for &byte in piece {
            // CR, LF and CR LF each end a line; the two bytes of the last may come in two pieces.
            let follows_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
            match byte {
                b'\n' if follows_cr => {}
                b'\n' | b'\r' => events.extend(self.end_of_line()?),
                _ if self.line.len() >= LONGEST => return Err(Broken::TooLong),
                _ => self.line.push(byte),
            }
        }
        Ok(events)
    }

    fn end_of_line(&mut self) -> Result<Option<Event>, Broken> {
        let line = String::from_utf8(std::mem::take(&mut self.line)).map_err(|_| Broken::NotText)?;
        let mut line = line.as_str();
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix('\u{feff}').unwrap_or(line);
        }
        if line.is_empty() {
            return Ok(self.end_of_event());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.name = value.to_owned(),
            "data" => {
                self.length += value.len() + 1;
                if self.length > LONGEST {
                    return Err(Broken::TooLong);
                }
                self.data.push(value.to_owned());
            }
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            // A comment (no field name), `retry`, or something we don't know.
            _ => {}
        }
        Ok(None)
    }

    fn end_of_event(&mut self) -> Option<Event> {
        self.length = 0;
        let (name, data, id) =
            (std::mem::take(&mut self.name), std::mem::take(&mut self.data), std::mem::take(&mut self.id));
        if data.is_empty() {
            return None;
        }
        let name = if name.is_empty() { "message".to_owned() } else { name };
        Some(Event { name, data: data.join("\n"), id })
    }
}
