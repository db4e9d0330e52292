//! Where messages come from: one payload, any number of times, or the lines of standard input. It must not know when
//! they are sent.

use crate::input::encoding::Encoding;
use crate::input::messages::{self, Lines};
use crate::input::packets::Message;
use crate::protocol::{Properties, Publish, Utf8, topic};
use anyhow::{Context, anyhow};
use bytes::Bytes;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::Stdin;

/// What the flags name.
pub(super) enum Input {
    Text(String, Option<Encoding>),
    File(PathBuf, Option<Encoding>),
    Stdin(Option<Encoding>),
    Nothing,
    Lines { form: LineForm, delimiter: u8 },
}

/// What a line is.
#[derive(Debug, Clone, Copy)]
pub(super) enum LineForm {
    Payload(Option<Encoding>),
    /// `TOPIC<TAB>PAYLOAD`.
    TopicAndPayload(Option<Encoding>),
    Json,
    /// The time of the recording must be there.
    RecordedJson,
}

/// A message, and what is known of it besides.
pub(super) struct Item {
    pub(super) publish: Publish,
    /// The line that it comes from, from 1.
    pub(super) line: Option<u64>,
    /// When it was recorded, since 1970.
    pub(super) recorded: Option<Duration>,
}

/// The messages.
pub(super) struct Source {
    /// What messages do not say themselves.
    template: Publish,
    kind: Kind,
}

enum Kind {
    One { left: u64 },
    Lines { lines: Box<Lines<Stdin>>, form: LineForm },
    Dry,
}

/// The longest line, in bytes: the largest packet that MQTT knows, with room for a topic.
const LONGEST: usize = crate::protocol::MAX_REMAINING_LENGTH - 128 * 1024;

impl Source {
    /// Opens the input. A single payload is published `count` times.
    ///
    /// # Errors
    /// The payload cannot be read, or is not what it should be.
    pub(super) async fn open(input: Input, mut template: Publish, count: u64) -> anyhow::Result<Self> {
        let payload = match input {
            Input::Lines { form, delimiter } => {
                let lines = Box::new(Lines::new(tokio::io::stdin(), delimiter, LONGEST));
                let kind = Kind::Lines { lines, form };
                return Ok(Self { template, kind });
            }
            Input::Nothing => Bytes::new(),
            Input::Text(text, encoding) => {
                decoded(Bytes::from(text), encoding).map_err(|error| anyhow!("the message {error}"))?
            }
            Input::File(path, encoding) => {
                let bytes = messages::read_file(&path, LONGEST).with_context(|| format!("cannot read {path:?}"))?;
                decoded(bytes, encoding).map_err(|error| anyhow!("{path:?} {error}"))?
            }
            Input::Stdin(encoding) => {
                let bytes = messages::read_whole(tokio::io::stdin(), LONGEST).await;
                let bytes = bytes.context("cannot read standard input")?;
                if bytes.is_empty() {
                    // A command before the pipe that failed must not delete a stored message.
                    return Err(anyhow!(
                        "standard input is empty; --null-message publishes an empty message"
                    ));
                }
                decoded(bytes, encoding).map_err(|error| anyhow!("standard input {error}"))?
            }
        };
        template.payload = payload;
        let kind = Kind::One { left: count };
        Ok(Self { template, kind })
    }

    /// The next message; `None` at the end. Cancel-safe.
    ///
    /// # Errors
    /// The input cannot be read, or the next line is no message.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Item>> {
        loop {
            let line = match &mut self.kind {
                Kind::Lines { lines, .. } => lines.next().await.context("cannot read standard input")?,
                Kind::One { left } => {
                    *left -= 1;
                    if *left == 0 {
                        self.kind = Kind::Dry;
                    }
                    return Ok(Some(Item {
                        publish: self.template.clone(),
                        line: None,
                        recorded: None,
                    }));
                }
                Kind::Dry => return Ok(None),
            };
            let Some(line) = line else {
                self.kind = Kind::Dry;
                return Ok(None);
            };
            if let Some(item) = self.item(line)? {
                return Ok(Some(item));
            }
        }
    }

    /// A message that is there already.
    ///
    /// # Errors
    /// The next line is no message.
    pub(super) fn buffered(&mut self) -> anyhow::Result<Option<Item>> {
        while let Kind::Lines { lines, .. } = &mut self.kind {
            let Some(line) = lines.buffered() else { break };
            if let Some(item) = self.item(line)? {
                return Ok(Some(item));
            }
        }
        Ok(None)
    }

    /// True when there is no further message.
    pub(super) fn is_dry(&self) -> bool {
        matches!(self.kind, Kind::Dry)
    }

    /// True when there are lines that were not read.
    pub(super) fn has_lines(&self) -> bool {
        matches!(self.kind, Kind::Lines { .. })
    }

    /// The message of a line; nothing for a JSON line of white space.
    fn item(&self, line: Bytes) -> anyhow::Result<Option<Item>> {
        let Kind::Lines { lines, form } = &self.kind else {
            return Ok(None);
        };
        let number = lines.number();
        let place = || format!("line {number} of standard input");
        let (publish, recorded) = match form {
            LineForm::Payload(encoding) => {
                let payload = decoded(line, *encoding).map_err(|error| anyhow!("{} {error}", place()))?;
                (self.message(self.template.topic.clone(), payload), None)
            }
            LineForm::TopicAndPayload(encoding) => {
                let (topic, payload) = split_topic(&line).map_err(|problem| anyhow!("{} {problem}", place()))?;
                let payload =
                    decoded(payload, *encoding).map_err(|error| anyhow!("the payload in {} {error}", place()))?;
                (self.message(topic, payload), None)
            }
            LineForm::Json | LineForm::RecordedJson if line.trim_ascii().is_empty() => return Ok(None),
            LineForm::Json | LineForm::RecordedJson => {
                let no_message = || format!("{} is no message", place());
                let message = Message::parse(&line).with_context(no_message)?;
                let recorded = match form {
                    LineForm::RecordedJson => Some(message.recorded_at().with_context(no_message)?),
                    _ => None,
                };
                (self.complete(message).with_context(no_message)?, recorded)
            }
        };
        Ok(Some(Item {
            publish,
            line: Some(number),
            recorded,
        }))
    }

    fn message(&self, topic: Utf8, payload: Bytes) -> Publish {
        Publish {
            topic,
            payload,
            ..self.template.clone()
        }
    }

    /// The flags give what a line leaves out.
    fn complete(&self, message: Message) -> anyhow::Result<Publish> {
        let topic = message.topic.unwrap_or_else(|| self.template.topic.clone());
        if topic.is_empty() {
            return Err(anyhow!("it has no `topic`, and there is no -t"));
        }
        Ok(Publish {
            qos: message.qos.unwrap_or(self.template.qos),
            retain: message.retain.unwrap_or(self.template.retain),
            properties: with_defaults(message.properties, &self.template.properties),
            ..self.message(topic, message.payload)
        })
    }
}

/// The properties of a line, and those of the flags that it does not have.
fn with_defaults(mut properties: Properties, defaults: &Properties) -> Properties {
    let missing: Vec<_> = defaults
        .iter()
        .filter(|(id, _)| properties.value(*id).is_none())
        .collect();
    for (id, value) in missing {
        properties.push(id, value);
    }
    properties
}

fn decoded(text: Bytes, encoding: Option<Encoding>) -> Result<Bytes, crate::input::encoding::EncodingError> {
    match encoding {
        None => Ok(text),
        Some(encoding) => encoding.decode(&text).map(Bytes::from),
    }
}

fn split_topic(line: &Bytes) -> Result<(Utf8, Bytes), String> {
    let Some(tab) = line.iter().position(|byte| *byte == b'\t') else {
        return Err("has no tab after the topic".to_owned());
    };
    let name = std::str::from_utf8(&line[..tab]).map_err(|_| "has a topic that is not UTF-8".to_owned())?;
    topic::check_name(name).map_err(|error| format!("has a topic that {error}"))?;
    let name = Utf8::new(name).map_err(|error| error.to_string())?;
    Ok((name, line.slice(tab + 1..)))
}
