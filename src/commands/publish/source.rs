//! Where messages come from: one payload, any number of times, or the lines of standard input. It must not know when
//! they are sent.

use crate::commands::payload::{LARGEST, Payload, Reading};
use crate::input::encoding::Encoding;
use crate::input::messages::Lines;
use crate::input::packets::Message;
use crate::protocol::{Properties, Publish, Utf8, topic};
use anyhow::{Context, anyhow};
use bytes::Bytes;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;
use tokio::fs::File;
use tokio::io::AsyncRead;

/// What the flags name.
pub(super) enum Input {
    One(Payload, Option<Encoding>),
    /// Lines of a file, or of standard input.
    Lines {
        file: Option<PathBuf>,
        form: LineForm,
        delimiter: u8,
    },
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
    /// What is read, for messages.
    name: String,
}

enum Kind {
    /// A single payload that is not read yet.
    Unread {
        bytes: Reading,
        encoding: Option<Encoding>,
        count: u64,
    },
    One {
        left: u64,
    },
    Unopened {
        file: Pin<Box<dyn Future<Output = io::Result<File>>>>,
        form: LineForm,
        delimiter: u8,
    },
    Lines {
        lines: Box<Lines<Box<dyn AsyncRead + Unpin>>>,
        form: LineForm,
    },
    Dry,
}

impl Kind {
    fn lines(input: impl AsyncRead + Unpin + 'static, form: LineForm, delimiter: u8) -> Self {
        let lines = Box::new(Lines::new(Box::new(input) as Box<_>, delimiter, LARGEST));
        Self::Lines { lines, form }
    }
}

impl Source {
    /// Messages from an input, of which nothing is read yet. A single payload is published `count` times.
    ///
    /// # Errors
    /// The payload on the command line is not what it should be; there is no such file.
    pub(super) fn new(input: Input, template: Publish, count: u64) -> anyhow::Result<Self> {
        let (mut name, mut template) = ("standard input".to_owned(), template);
        let kind = match input {
            Input::Lines {
                file: None,
                form,
                delimiter,
            } => Kind::lines(tokio::io::stdin(), form, delimiter),
            Input::Lines {
                file: Some(path),
                form,
                delimiter,
            } => {
                name = format!("{path:?}");
                // The other end of a FIFO may not be there.
                let file = Box::pin(File::open(path));
                Kind::Unopened { file, form, delimiter }
            }
            Input::One(Payload::Here(bytes), encoding) => {
                template.payload = decoded(bytes, encoding).map_err(|error| anyhow!("the message {error}"))?;
                Kind::One { left: count }
            }
            Input::One(Payload::Unread { name: of, bytes }, encoding) => {
                name = of;
                Kind::Unread { bytes, encoding, count }
            }
        };
        Ok(Self { template, kind, name })
    }

    /// What is read, for messages.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// True until [`Self::prepare`] has ended.
    pub(super) fn is_unprepared(&self) -> bool {
        matches!(self.kind, Kind::Unread { .. } | Kind::Unopened { .. })
    }

    /// Reads the one payload, or opens the file with the lines. Cancel-safe.
    ///
    /// # Errors
    /// It cannot be read, or is not what it should be.
    pub(super) async fn prepare(&mut self) -> anyhow::Result<()> {
        match &mut self.kind {
            Kind::Unread { bytes, encoding, count } => {
                let bytes = bytes.await?;
                self.template.payload = decoded(bytes, *encoding).map_err(|error| anyhow!("{} {error}", self.name))?;
                self.kind = Kind::One { left: *count };
            }
            Kind::Unopened { file, form, delimiter } => {
                let file = file.await.with_context(|| format!("cannot read {}", self.name))?;
                self.kind = Kind::lines(file, *form, *delimiter);
            }
            Kind::One { .. } | Kind::Lines { .. } | Kind::Dry => {}
        }
        Ok(())
    }

    /// The next message; `None` at the end. Cancel-safe.
    ///
    /// # Errors
    /// The input cannot be read, or the next line is no message.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Item>> {
        loop {
            let line = match &mut self.kind {
                Kind::Unread { .. } | Kind::Unopened { .. } => {
                    self.prepare().await?;
                    continue;
                }
                Kind::Lines { lines, .. } => {
                    let line = lines.next().await;
                    line.with_context(|| format!("cannot read {}", self.name))?
                }
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
        let place = || format!("line {number} of {}", self.name);
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
            retain: self.template.retain,
            properties: self.template.properties.clone(),
            ..Publish::new(topic, self.template.qos, payload)
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
    let name = line.slice(..tab);
    let name = std::str::from_utf8(&name).map_err(|_| "has a topic that is not UTF-8".to_owned())?;
    topic::check_name(name).map_err(|error| format!("has a topic that {error}"))?;
    let name = Utf8::new(name).map_err(|error| error.to_string())?;
    Ok((name, line.slice(tab + 1..)))
}
