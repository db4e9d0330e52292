//! From settings to the structs of flags, by serde: each field is the flag of its name, a struct among them is a group of
//! further flags. A field is an `Option`, a `Vec` or a `bool`. An error names the flag, and where it was set.

use super::{Origin, Setting, truth};
use crate::cli::{Usage, flags, secret};
use clap::{Arg, Command};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::str::FromStr;

/// The flags that the settings mean.
///
/// # Errors
/// A value that a flag does not take.
pub fn typed<T: DeserializeOwned>(command: &Command, settings: &[Setting]) -> Result<T, Usage> {
    let all = Flag {
        command,
        settings,
        setting: None,
    };
    T::deserialize(all).map_err(|fault| Usage::Bad(fault.to_string()))
}

/// What is wrong with a value.
#[derive(Debug)]
enum Fault {
    /// Why.
    Bare(String),
    /// With the flag and its origin.
    Placed(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Bare(text) | Self::Placed(text)) = self;
        f.write_str(text)
    }
}

impl std::error::Error for Fault {}

impl serde::de::Error for Fault {
    fn custom<T: fmt::Display>(why: T) -> Self {
        Self::Bare(why.to_string())
    }
}

/// A flag that was set or not, or a struct of flags.
#[derive(Clone, Copy)]
struct Flag<'a> {
    command: &'a Command,
    settings: &'a [Setting],
    setting: Option<&'a Setting>,
}

impl<'a> Flag<'a> {
    fn uses(self) -> impl Iterator<Item = &'a Vec<OsString>> {
        self.setting.into_iter().flat_map(|setting| &setting.uses)
    }

    fn values(self, words: &'a [OsString]) -> Values<'a> {
        Values {
            command: self.command,
            setting: self.setting,
            words,
        }
    }
}

impl<'de> Deserializer<'de> for Flag<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        // A flag whose value may be left out has an empty one then.
        let words = self
            .uses()
            .flat_map(|words| words.chunks(1).chain(words.is_empty().then_some(&[][..])));
        visitor.visit_seq(All(words
            .map(|words| self.values(words))
            .map(|values| (values, values))))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.uses().last() {
            Some(words) => visitor.visit_some(self.values(words)),
            None => visitor.visit_none(),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let truth = self.uses().last().map(|words| self.values(words).truth());
        visitor.visit_bool(truth.transpose()?.unwrap_or(false))
    }

    /// The uses, each with its values.
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        let uses = self
            .uses()
            .map(|words| self.values(words))
            .map(|values| (values, values));
        visitor.visit_newtype_struct(SeqAccessDeserializer::new(All(uses)))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let field = |name: &&str| {
            let setting = self.settings.iter().find(|setting| setting.flag == *name);
            let flag = Self { setting, ..self };
            (flag, flag.values(&[]))
        };
        visitor.visit_seq(All(fields.iter().map(field)))
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map
        enum identifier ignored_any
    }
}

/// One after the other: the fields of a struct, or values; each with its flag.
struct All<I>(I);

impl<'de, 'a, D: Deserializer<'de, Error = Fault>, I: Iterator<Item = (D, Values<'a>)>> SeqAccess<'de> for All<I> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let element = |(element, flag): (D, Values<'a>)| seed.deserialize(element).map_err(|fault| flag.said(fault));
        self.0.next().map(element).transpose()
    }
}

/// The values of one use of a flag: mostly one.
#[derive(Clone, Copy)]
struct Values<'a> {
    command: &'a Command,
    setting: Option<&'a Setting>,
    words: &'a [OsString],
}

impl Values<'_> {
    fn word(&self) -> &OsStr {
        self.words.first().map_or_else(|| OsStr::new(""), OsString::as_os_str)
    }

    fn truth(&self) -> Result<bool, Fault> {
        if self.words.is_empty() {
            return Ok(true);
        }
        truth(&self.word().to_string_lossy()).ok_or_else(|| {
            let (arg, setting) = (self.arg(), self.setting);
            let origin = setting.map(|setting| setting.origin.to_string()).unwrap_or_default();
            let flag = arg.and_then(Arg::get_long).unwrap_or_default();
            Fault::Placed(format!("{origin}: {flag} is true or false"))
        })
    }

    fn arg(&self) -> Option<&Arg> {
        flags::by_id(self.command, self.setting?.flag.as_str())
    }

    /// With the value, the flag and its origin.
    fn bad(&self, fault: Fault) -> Fault {
        let (Fault::Bare(why), Some(setting), Some(arg)) = (&fault, self.setting, self.arg()) else {
            return fault;
        };
        let value = self.word().to_string_lossy().into_owned();
        let value = secret::masked(setting.flag.as_str(), &[value]).concat();
        let arg = flags::shown(arg);
        self.said(Fault::Bare(format!("invalid value '{value}' for '{arg}': {why}")))
    }

    /// With the origin, if that is not plain.
    fn said(&self, fault: Fault) -> Fault {
        let (Fault::Bare(why), Some(setting), Some(arg)) = (&fault, self.setting, self.arg()) else {
            return fault;
        };
        match &setting.origin {
            Origin::CommandLine => Fault::Placed(why.clone()),
            origin => {
                let flag = arg.get_long().unwrap_or_default();
                Fault::Placed(format!("{why}; --{flag} was set by {origin}"))
            }
        }
    }

    fn text(&self) -> Result<&str, Fault> {
        let text = self.word().to_str();
        text.ok_or_else(|| self.bad(Fault::custom("is not UTF-8")))
    }

    fn parsed<T: FromStr<Err: fmt::Display>>(&self) -> Result<T, Fault> {
        self.text()?.parse().map_err(|error| self.bad(Fault::custom(error)))
    }
}

macro_rules! numbers {
    ($($deserialize:ident $visit:ident)*) => {
        $(fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            visitor.$visit(self.parsed()?).map_err(|fault| self.bad(fault))
        })*
    };
}

impl<'de> Deserializer<'de> for Values<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_str(self.text()?).map_err(|fault| self.bad(fault))
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor
            .visit_bytes(self.word().as_bytes())
            .map_err(|fault| self.bad(fault))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let words = self.words.iter().map(std::slice::from_ref);
        let values = words.map(|words| Values { words, ..self });
        visitor.visit_seq(All(values.map(|values| (values, values))))
    }

    numbers! {
        deserialize_u16 visit_u16
        deserialize_u32 visit_u32
        deserialize_u64 visit_u64
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 f32 f64 char str string byte_buf option unit unit_struct newtype_struct tuple tuple_struct map
        struct enum identifier ignored_any
    }
}

/// Reads one value that `FromStr` understands.
///
/// # Errors
/// Those of the deserializer, and what is wrong with the value.
pub fn from_text<'de, D: Deserializer<'de>, T: FromStr<Err: fmt::Display>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_bytes(Word(|word: &OsStr| {
        let text = word.to_str().ok_or("is not UTF-8")?;
        text.parse().map_err(|error: T::Err| error.to_string())
    }))
}

/// The name of a file, which need not be UTF-8.
///
/// # Errors
/// Those of the deserializer.
pub fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    Option::deserialize(deserializer).map(|name| name.map(|Name(path)| path))
}

/// Names of files.
///
/// # Errors
/// Those of the deserializer.
pub fn paths<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
    Vec::deserialize(deserializer).map(|names| names.into_iter().map(|Name(path)| path).collect())
}

struct Name(PathBuf);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(Word(|name: &OsStr| Ok(Self(name.into()))))
    }
}

/// One word, read by a function.
struct Word<F>(F);

impl<T, F: Fn(&OsStr) -> Result<T, String>> Visitor<'_> for Word<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bytes<E: serde::de::Error>(self, value: &[u8]) -> Result<T, E> {
        (self.0)(OsStr::from_bytes(value)).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::values::flag_values;
    use clap::{Args, Id};
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Args, Deserialize)]
    struct Flags {
        /// A number
        #[arg(long, value_name = "N")]
        number: Option<u16>,
        #[command(flatten)]
        more: More,
        /// A truth
        #[arg(long)]
        truth: bool,
    }

    #[derive(Debug, PartialEq, Args, Deserialize)]
    struct More {
        /// Several
        #[arg(long, value_name = "WORD")]
        words: Vec<String>,
        /// A file
        #[arg(long, value_name = "FILE")]
        #[serde(deserialize_with = "path")]
        file: Option<PathBuf>,
        /// A vowel
        #[arg(long, value_name = "VOWEL")]
        vowel: Option<Vowel>,
    }

    #[derive(Debug, Clone, PartialEq)]
    struct Vowel(char);

    impl FromStr for Vowel {
        type Err = &'static str;

        fn from_str(text: &str) -> Result<Self, Self::Err> {
            let vowel = text.chars().next().filter(|c| "aeiou".contains(*c));
            vowel.map(Self).ok_or("must be a vowel")
        }
    }

    flag_values! { Vowel }

    fn flags(settings: &[(&'static str, &[&[u8]])]) -> Result<Flags, String> {
        let word = |word: &&[u8]| OsStr::from_bytes(word).to_owned();
        let setting = |(flag, words): &(&'static str, &[&[u8]])| Setting {
            flag: Id::from(*flag),
            uses: vec![words.iter().map(word).collect()],
            origin: Origin::Variable("V".to_owned()),
        };
        let settings: Vec<_> = settings.iter().map(setting).collect();
        let command = Flags::augment_args(Command::new("x"));
        typed(&command, &settings).map_err(|error| error.to_string())
    }

    #[test]
    fn fields_are_flags_and_structs_are_groups() {
        let none = flags(&[]).unwrap();
        assert!(none.number.is_none() && none.more.words.is_empty() && !none.truth);
        let all = flags(&[
            ("vowel", &[b"e"]),
            ("truth", &[]),
            ("words", &[b"-a", b"b"]),
            ("number", &[b"65535"]),
            ("file", &[b"\xff"]),
            ("other", &[b"?"]),
        ]);
        let all = all.unwrap();
        assert_eq!(
            (all.number, all.truth, all.more.vowel),
            (Some(65535), true, Some(Vowel('e')))
        );
        assert_eq!(all.more.words, ["-a", "b"]);
        assert_eq!(all.more.file.unwrap().as_os_str().as_bytes(), b"\xff");
    }

    #[test]
    fn errors_name_the_flag_and_its_origin() {
        for (flag, value, error) in [
            (
                "number",
                &b"65536"[..],
                "invalid value '65536' for '--number <N>': number too large to fit in target type",
            ),
            (
                "vowel",
                b"x",
                "invalid value 'x' for '--vowel <VOWEL>': must be a vowel",
            ),
            (
                "words",
                b"\xff",
                "invalid value '\u{fffd}' for '--words <WORD>': is not UTF-8",
            ),
        ] {
            let found = flags(&[(flag, &[value])]).unwrap_err();
            assert_eq!(found, format!("{error}; --{flag} was set by V"));
        }
        assert_eq!(
            flags(&[("truth", &[b"maybe"])]).unwrap_err(),
            "V: truth is true or false"
        );
    }

    #[test]
    fn truths_have_several_spellings() {
        for (text, expected) in [("true", true), ("YES", true), ("1", true), ("off", false), ("0", false)] {
            assert_eq!(
                flags(&[("truth", &[text.as_bytes()])]).unwrap().truth,
                expected,
                "{text}"
            );
        }
    }
}
