//! Where settings are read from, as values: nothing below looks at the process itself, so that tests and the demo
//! bring their own. [`Sources::from_process`] is the one place that asks the process.

use super::{
    environment, file,
    problem::{Origin, Problems},
};
use std::{collections::BTreeMap, ffi::OsString, path::PathBuf};

/// The file read when none is named.
const DEFAULT_FILE: &str = "chancery.toml";

/// Where settings are read from.
#[derive(Clone, Default)]
pub struct Sources {
    /// The file given by `--config`, which must exist. `CHANCERY_CONFIG` comes after it.
    pub config: Option<PathBuf>,
    /// The file read, if it exists, when neither names one.
    pub default_file: Option<PathBuf>,
    /// The environment; only `CHANCERY_…` is looked at.
    pub environment: BTreeMap<String, OsString>,
    /// Flags: path of the setting and its text.
    pub flags: Vec<(String, String)>,
    /// The number of processor cores, the default of `login.hash_permits`.
    pub cores: usize,
}

impl Sources {
    /// The sources of this process: its environment, `./chancery.toml`, its cores.
    #[must_use]
    pub fn from_process() -> Self {
        Self {
            config: None,
            default_file: Some(PathBuf::from(DEFAULT_FILE)),
            environment: std::env::vars_os()
                .filter_map(|(name, value)| name.into_string().ok().map(|name| (name, value)))
                .collect(),
            flags: Vec::new(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }

    /// With the file given by `--config`.
    #[must_use]
    pub fn with_config(mut self, path: Option<PathBuf>) -> Self {
        self.config = path;
        self
    }

    /// With one more flag.
    #[must_use]
    pub fn with_flag(mut self, path: impl Into<String>, text: impl Into<String>) -> Self {
        self.flags.push((path.into(), text.into()));
        self
    }

    /// With one more variable.
    #[must_use]
    pub fn with_variable(mut self, name: impl Into<String>, value: impl Into<OsString>) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// All that was given, layer by layer, weakest first.
    pub(super) fn read(&self, problems: &mut Problems) -> Layers {
        let file = self.file();
        let (in_file, file_unreadable) = match &file {
            Some((path, named_by)) => file::read(path, named_by.as_ref(), problems),
            None => (Vec::new(), false),
        };
        let in_environment = environment::read(&self.environment, problems);
        let flags = self
            .flags
            .iter()
            .map(|(path, text)| Given { path: path.clone(), text: text.clone(), list: false, origin: Origin::Flag })
            .collect();
        Layers { layers: [in_file, in_environment, flags], file_unreadable }
    }

    /// The settings file, and who named it.
    fn file(&self) -> Option<(PathBuf, Option<Origin>)> {
        let named = self.environment.get(environment::CONFIG).filter(|path| !path.is_empty());
        match (&self.config, named) {
            (Some(path), _) => Some((path.clone(), Some(Origin::Flag))),
            (None, Some(path)) => Some((PathBuf::from(path), Some(Origin::Variable(environment::CONFIG.to_owned())))),
            (None, None) => self.default_file.clone().filter(|path| path.exists()).map(|path| (path, None)),
        }
    }
}

/// The environment may hold secrets, of other programs, too.
impl std::fmt::Debug for Sources {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Sources").field("config", &self.config).finish_non_exhaustive()
    }
}

/// One text given for one path.
pub(super) struct Given {
    pub path: String,
    pub text: String,
    /// Whether it was written as a list, which only some settings take.
    pub list: bool,
    pub origin: Origin,
}

/// Everything given.
pub(super) struct Layers {
    /// File, environment, flags: the later wins.
    pub layers: [Vec<Given>; 3],
    /// Whether the file could not be read, so that nothing can be said to be missing.
    pub file_unreadable: bool,
}
