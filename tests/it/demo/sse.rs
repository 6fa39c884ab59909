//! The event stream's reader: whatever the pieces, the same events.

use chancery::demo::gateway::sse::{Broken, Event, Parser};
use proptest::prelude::*;

fn all(pieces: &[&[u8]]) -> Vec<Event> {
    let mut parser = Parser::default();
    pieces.iter().flat_map(|piece| parser.take(piece).unwrap()).collect()
}

fn event(name: &str, data: &str, id: Option<&str>) -> Event {
    Event { name: name.into(), data: data.into(), id: id.map(str::to_owned) }
}

const STREAM: &str = "\u{feff}: hello\r\nevent: entry\r\nid: 7\r\ndata: {\"seq\":7}\r\n\r\nretry: 10\nevent:as_of\ndata:7\n\n\
    data: one\rdata:  two\r\rdata\n\nevent: nothing\n\nid: 1\0\ndata: né\n\ndata: unfinished";

fn expected() -> Vec<Event> {
    vec![
        event("entry", "{\"seq\":7}", Some("7")),
        event("as_of", "7", None),
        event("message", "one\n two", None),
        event("message", "", None),
        event("message", "né", None),
    ]
}

#[test]
fn the_whole_at_once_and_byte_by_byte() {
    assert_eq!(all(&[STREAM.as_bytes()]), expected());
    let bytes: Vec<&[u8]> = STREAM.as_bytes().chunks(1).collect();
    assert_eq!(all(&bytes), expected());
}

proptest! {
    #[test]
    fn pieces_make_no_difference(cuts in prop::collection::vec(0..STREAM.len(), 0..12)) {
        let mut cuts = cuts;
        cuts.extend([0, STREAM.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &STREAM.as_bytes()[cut[0]..cut[1]]).collect();
        prop_assert_eq!(all(&pieces), expected());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut parser = Parser::default();
        let events = parser.take(&bytes);
        prop_assert!(events.is_ok() || events == Err(Broken::NotText));
    }
}

#[test]
fn what_never_ends_is_refused() {
    let line = vec![b'x'; 1024 * 1024 + 1];
    assert_eq!(Parser::default().take(&line), Err(Broken::TooLong));
    let mut parser = Parser::default();
    let data = [b"data: ".as_slice(), &vec![b'x'; 400_000], b"\n"].concat();
    assert_eq!(parser.take(&data), Ok(vec![]));
    assert_eq!(parser.take(&data), Ok(vec![]));
    assert_eq!(parser.take(&data), Err(Broken::TooLong));
}

#[test]
fn text_that_is_none_is_refused() {
    assert_eq!(Parser::default().take(b"data: \xff\n"), Err(Broken::NotText));
}
