//! The table of settings: where each one is, its name and its meaning.

use std::sync::LazyLock;

use super::{
    Config, SECTIONS, checks,
    value::{Value, whole},
};

#[derive(Clone, Copy)]
pub struct Setting {
    /// The section in the file; empty for the top level.
    pub section: &'static str,
    pub key: &'static str,
    /// The name in the environment that users know; empty if there is only `CLOWDER__SECTION__KEY`, which every setting
    /// has.
    pub name: &'static str,
    /// A secret: it may come from the file named by `NAME_FILE`, and is never shown.
    pub secret: bool,
    pub about: &'static str,
    pub of: fn(&mut Config) -> &mut dyn Value,
    /// The minimum and maximum of a whole number.
    pub within: Option<(u64, u64)>,
    /// Checks a text and says what would be valid.
    pub check: Option<Check>,
}

type Check = fn(&str) -> Result<(), String>;

pub const fn setting(
    section: &'static str,
    key: &'static str,
    name: &'static str,
    of: fn(&mut Config) -> &mut dyn Value,
    about: &'static str,
) -> Setting {
    Setting { section, key, name, secret: false, about, of, within: None, check: None }
}

pub const fn secret(mut setting: Setting) -> Setting {
    setting.secret = true;
    setting
}

pub const fn within(least: u64, most: u64, mut setting: Setting) -> Setting {
    setting.within = Some((least, most));
    setting
}

pub const fn checked(check: Check, mut setting: Setting) -> Setting {
    setting.check = Some(check);
    setting
}

/// Settings without a section.
#[rustfmt::skip]
pub const TOP: &[Setting] = &[
    setting("", "debug", "DEBUG", |c| &mut c.debug,
        "For development only: allows weak secrets, `*`, and pages on localhost."),
    setting("", "test_clock_file", "TEST_CLOCK_FILE", |c| &mut c.test_clock_file,
        "Only for tests of wrong clocks, and refused without `debug`: a file with the number of seconds (such as 1.5) by which this server's clock is ahead. Empty: the real time."),
    checked(checks::folder, setting("", "data_dir", "DATA_DIR", |c| &mut c.data_dir,
        "Folder for the SQLite database, emails and the secret, unless other settings replace them.")),
    checked(checks::folder, setting("", "media_root", "MEDIA_ROOT", |c| &mut c.media_root,
        "Folder for uploaded files, unless `storage_url` names another place. Empty: `media` in `data_dir`.")),
];

/// Wrong values of each, for the test that none of them starts a server.
#[cfg(test)]
pub const WRONG: &[(&str, &[&str])] = &[
    ("debug", &["maybe", "2", ""]),
    ("data_dir", &["", "Cargo.toml", " data"]),
    ("test_clock_file", &["clock"]),
    ("media_root", &["Cargo.toml", "media "]),
];

/// All settings.
pub static SETTINGS: LazyLock<Vec<Setting>> = LazyLock::new(|| SECTIONS.concat());

impl Setting {
    /// `CLOWDER__SERVER__BIND`.
    pub fn long_name(&self) -> String {
        let section = if self.section.is_empty() { String::new() } else { format!("{}__", self.section) };
        format!("CLOWDER__{section}{}", self.key).to_uppercase()
    }

    /// The name that users know best.
    pub fn shown_name(&self) -> String {
        if self.name.is_empty() { self.long_name() } else { self.name.to_owned() }
    }

    /// Sets the value, or says what would be valid and leaves the old value.
    pub fn take(&self, config: &mut Config, text: &str) -> Result<(), String> {
        if let Some((least, most)) = self.within {
            whole::<u64>(text, least..=most)?;
        }
        if let Some(check) = self.check {
            check(text)?;
        }
        (self.of)(config).set(text)
    }

    /// `server.bind`.
    pub fn path(&self) -> String {
        if self.section.is_empty() { self.key.to_owned() } else { format!("{}.{}", self.section, self.key) }
    }
}

/// A TOML document of all settings, each with its name and meaning.
pub fn document(config: &Config) -> String {
    let mut config = config.clone();
    let mut text = String::from(
        "# Every setting of Clowder. Each can also be set in the environment, by the name in brackets or as\n\
         # CLOWDER__SECTION__KEY; secrets also by a file that NAME_FILE names. Later wins: built in, config/default.toml,\n\
         # the file of --config or CLOWDER_CONFIG, .env, the environment, arguments.\n",
    );
    let mut section = "";
    for setting in SETTINGS.iter() {
        if setting.section != section {
            section = setting.section;
            text += &format!("\n[{section}]\n");
        }
        let value = (setting.of)(&mut config).show();
        let range = setting.within.map_or_else(String::new, |(least, most)| format!(" {least} to {most}."));
        text += &format!("\n# {}{range} [{}]\n{} = {value}\n", setting.about, setting.shown_name(), setting.key);
    }
    text
}
