//! `chancery config reference`: the page of all settings, made from the table.

use super::{
    settings::SETTINGS,
    table::{Fallback, Setting},
};

/// A small settings file, shown in the reference.
pub const EXAMPLE: &str = r##"issuer = "https://id.example.com"
listen = "0.0.0.0:7600"

[database]
url_file = "/run/secrets/database-url"   # postgres://chancery:…@db/chancery?sslmode=verify-full

[proxies]
trusted = ["10.0.0.0/8"]

[tokens]
access_token_lifetime = "5m"

[log]
format = "json"

[brand]
name = "Example"
accent = "#2f5d50"
"##;

const INTRODUCTION: &str = "\
# Settings

This page is made by `chancery config reference`.

A setting is looked for in four places; the last one that names it wins:

1. its built-in default;
2. the settings file: the one named by `--config`, else by `CHANCERY_CONFIG`, else `chancery.toml` in the working \
directory if there is one;
3. the environment: `CHANCERY_SECTION__KEY`, two underscores for each dot of the path;
4. flags of the command.

Only the issuer has no default. `chancery config show` prints the settings in force and where each came from.

- **Durations** are a whole number and one unit of `ms`, `s`, `m`, `h`, `d`, such as `\"10m\"`; or `\"0\"`. **Sizes** are \
bytes, or such as `\"64KiB\"`. **Lists** in a variable are separated by commas. **Paths** are relative to the working \
directory.
- **Secrets** can also be read from a file: add `_FILE` to the variable or `_file` to the key. One line end at the end \
of the file is cut. They are never printed or logged.
- **A setting that doesn't exist is refused**, in the file and as a `CHANCERY_` variable, with the nearest name that \
does. (Variables in the form of Kubernetes service links, such as `CHANCERY_SERVICE_HOST`, are passed over.) All \
problems are told at once.
- **An empty value** takes back an optional setting.

An example:

```toml
";

/// The reference of all settings as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut out = format!("{INTRODUCTION}{EXAMPLE}```\n");
    let mut section = None;
    for setting in SETTINGS {
        if section != Some(setting.section()) {
            section = Some(setting.section());
            let title = match setting.section() {
                "" => "First lines".to_owned(),
                name => format!("`[{name}]`"),
            };
            out.push_str(&format!("\n## {title}\n\n| key | default | values | meaning |\n|---|---|---|---|\n"));
        }
        out.push_str(&row(setting));
    }
    out
}

fn row(setting: &Setting) -> String {
    let default = match setting.fallback {
        Fallback::Required => "(must be set)".to_owned(),
        Fallback::Unset => "(not set)".to_owned(),
        Fallback::Cores => "(number of cores)".to_owned(),
        Fallback::Text("") => "(empty)".to_owned(),
        Fallback::Text(text) => format!("`{text}`"),
    };
    let variables: Vec<String> = setting.variables().map(|variable| format!("`{variable}`")).collect();
    let mut meaning = format!("{} Variable: {}", setting.help, variables.join(", short "));
    if setting.secret {
        meaning.push_str(&format!(". Secret; also `{}_file`", setting.key()));
    }
    format!("| `{}` | {default} | {} | {meaning}. |\n", setting.key(), setting.kind.limits())
}
