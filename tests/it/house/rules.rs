//! The rules themselves, over what was read of the sources. Each fault is one line that names the place and the rule.

use std::collections::{BTreeMap, BTreeSet};

use super::source::Source;

pub struct House<'a> {
    pub floors: &'a [&'a [&'a str]],
    pub axum_floor: usize,
    pub axum_rooms: &'a [&'a str],
    pub longest_file: usize,
}

/// A room's place: floor, and position on it.
type Place = (usize, usize);

impl<'a> House<'a> {
    /// Everything wrong with these files, sorted.
    pub fn faults(&self, sources: &[Source]) -> Vec<String> {
        let tests: Vec<_> = sources.iter().flat_map(|source| &source.test_modules).collect();
        let production = sources.iter().filter(|source| !tests.iter().any(|test| source.module.starts_with(test)));
        let mut faults = Vec::new();
        let mut doors = BTreeMap::<&str, BTreeSet<&str>>::new();
        for source in production {
            self.judge_form(source, &mut faults);
            match self.room(&source.module) {
                _ if source.module.is_empty() => {} // lib.rs and main.rs join the house together
                Some(room) => self.judge_room(source, room, &mut doors, &mut faults),
                None if self.is_corridor(&source.module) => judge_corridor(source, &mut faults),
                None => faults.push(format!("{}: stands in no room of the table", source.file)),
            }
        }
        faults.extend(circle(&doors).map(|rooms| format!("a circle: {}", rooms.join(" → "))));
        faults.sort();
        faults
    }

    fn judge_form(&self, source: &Source, faults: &mut Vec<String>) {
        let Source { file, lines, .. } = source;
        if !source.opens {
            faults.push(format!("{file}: does not open with //!"));
        }
        if *lines > self.longest_file {
            faults.push(format!("{file}: {lines} lines without its tests; {} at most", self.longest_file));
        }
    }

    fn judge_room(
        &self,
        source: &Source,
        room: &'a str,
        doors: &mut BTreeMap<&'a str, BTreeSet<&'a str>>,
        faults: &mut Vec<String>,
    ) {
        let file = &source.file;
        let (floor, position) = self.place(room);
        if floor < self.axum_floor && !self.axum_rooms.contains(&room) {
            let known = source.axum.iter().map(|line| format!("{file}:{line}: axum is not known on floor {floor}"));
            faults.extend(known);
        }
        for named in &source.paths {
            let line = named.line;
            let path = format!("crate::{}", named.path.join("::"));
            let Some(used) = self.room(&named.path) else {
                faults.push(format!("{file}:{line}: {path} names no room of the table"));
                continue;
            };
            let (used_floor, used_position) = self.place(used);
            if used_floor > floor {
                faults.push(format!("{file}:{line}: {room} (floor {floor}) reaches up to {used} (floor {used_floor})"));
            } else if used_floor == floor && used_position > position {
                faults.push(format!("{file}:{line}: {room} uses {used}, which stands after it on floor {floor}"));
            }
            if used != room {
                doors.entry(room).or_default().insert(used);
            }
        }
    }

    /// The room a module path leads to: the longest that fits.
    pub fn room(&self, path: &[String]) -> Option<&'a str> {
        let rooms = self.floors.iter().copied().flatten().copied();
        rooms.filter(|room| starts_with(path, room)).max_by_key(|room| room.len())
    }

    fn is_corridor(&self, module: &[String]) -> bool {
        let folder = format!("{}/", module.join("/"));
        self.floors.iter().copied().flatten().any(|room| room.starts_with(&folder))
    }

    pub fn place(&self, room: &str) -> Place {
        let places = self.floors.iter().enumerate();
        let mut places = places.filter_map(|(floor, rooms)| Some((floor, rooms.iter().position(|&at| at == room)?)));
        places.next().expect("a room of the table")
    }
}

fn starts_with(path: &[String], room: &str) -> bool {
    let segments = room.split('/').count();
    path.len() >= segments && room.split('/').eq(path.iter().take(segments).map(String::as_str))
}

/// A corridor leads to its rooms and holds nothing: a re-export there would hide which room is used.
fn judge_corridor(source: &Source, faults: &mut Vec<String>) {
    let file = &source.file;
    let lines: BTreeSet<usize> =
        source.uses.iter().copied().chain(source.paths.iter().map(|named| named.line)).collect();
    faults.extend(lines.iter().map(|line| format!("{file}:{line}: a corridor has mod lines only")));
}

/// The first way found that leads from a room back to itself.
fn circle<'a>(doors: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Option<Vec<&'a str>> {
    fn walk<'a>(
        doors: &BTreeMap<&'a str, BTreeSet<&'a str>>,
        way: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
    ) -> Option<Vec<&'a str>> {
        let here = way[way.len() - 1];
        for &next in doors.get(here).into_iter().flatten() {
            if let Some(start) = way.iter().position(|&room| room == next) {
                return Some([&way[start..], &[next]].concat());
            }
            if !done.contains(next) {
                way.push(next);
                if let Some(found) = walk(doors, way, done) {
                    return Some(found);
                }
                way.pop();
            }
        }
        done.insert(here);
        None
    }
    let mut done = BTreeSet::new();
    doors.keys().find_map(|start| walk(doors, &mut vec![start], &mut done))
}
