//! An object of S3 that grows: the parts of an upload, and the rest, which is too small for a part, as an object of its own.
//! Where all of that is, the state says: the id of the upload, the name of the rest, and the entity tags of the parts, in
//! lines. A rest is never replaced: each has a name of its own, and those that no state names any more are deleted when the
//! next call goes on, or at the end.

use async_trait::async_trait;
use bytes::Bytes;
use clowder_core::{Error, Result};
use clowder_media::{
    Blobs, Key,
    blobs::{Growing, Grown},
};
use futures_util::StreamExt;
use object_store::multipart::MultipartStore;

use super::{
    S3, fault,
    write::{Begun, PART, Source},
};

/// How many rests are looked for at once; there are never more than a few.
const RESTS: usize = 100;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct State {
    upload: Option<String>,
    rest: Option<String>,
    parts: Vec<String>,
}

impl State {
    fn parse(text: &str) -> Self {
        let mut lines = text.lines();
        let mut next = || lines.next().filter(|line| !line.is_empty()).map(str::to_owned);
        let (upload, rest) = (next(), next());
        Self { upload, rest, parts: lines.map(str::to_owned).collect() }
    }

    fn text(&self) -> String {
        let (upload, rest) = (self.upload.as_deref().unwrap_or_default(), self.rest.as_deref().unwrap_or_default());
        let mut lines = vec![upload, rest];
        lines.extend(self.parts.iter().map(String::as_str));
        lines.join("\n")
    }
}

/// Below which all rests of an object are.
fn rests_of(key: &Key) -> String {
    format!("rest/{key}/")
}

fn rest_key(key: &Key, name: &str) -> Result<Key> {
    Key::new(format!("{}{name}", rests_of(key)))
}

pub struct Growth {
    key: Key,
    begun: Begun,
    /// How far it was when it settled last.
    settled: Grown,
    /// How many parts it had at the beginning.
    parts: usize,
    /// Whether there is more than what has settled.
    more: bool,
}

pub async fn begin(store: &S3, key: &Key, grown: &Grown) -> Result<Growth> {
    let state = State::parse(&grown.state);
    forget_rests(store, key, state.rest.as_deref()).await?;
    let parts = state.parts.len();
    let begun = resumed(store, key, state, grown.size).await?;
    Ok(Growth { key: key.clone(), begun, settled: grown.clone(), parts, more: false })
}

/// What has been written so far, as if it had just been.
async fn resumed(store: &S3, key: &Key, state: State, size: u64) -> Result<Begun> {
    let of_parts = state.parts.len() as u64 * PART;
    let mut begun = Begun::resumed(store.inner.clone(), store.inner.at(key)?, state.upload, state.parts);
    let mut of_rest = 0;
    if let Some(name) = &state.rest {
        let lost = || Error::internal(format!("the rest {name} of {key} is missing in the store of bytes"));
        let mut reading = store.read(&rest_key(key, name)?, None).await?.ok_or_else(lost)?;
        of_rest = reading.head.size;
        while let Some(piece) = reading.bytes.next().await {
            begun.add(piece?).await?;
        }
    }
    match of_parts + of_rest == size {
        true => Ok(begun),
        false => Err(Error::internal(format!("{key} has grown to {} octets and not to {size}", of_parts + of_rest))),
    }
}

/// Deletes all rests but this one.
async fn forget_rests(store: &S3, key: &Key, but: Option<&str>) -> Result<()> {
    let kept = but.map(|name| rest_key(key, name)).transpose()?;
    let rests = store.list(&rests_of(key), None, RESTS).await?;
    for rest in rests.into_iter().map(|listed| listed.key).filter(|rest| Some(rest) != kept.as_ref()) {
        store.delete(&rest).await?;
    }
    Ok(())
}

pub async fn complete(store: &S3, key: &Key, grown: &Grown) -> Result<()> {
    // Objects have keys of their own, so this one is there from an earlier attempt.
    if store.head(key).await?.is_none_or(|head| head.size != grown.size) {
        let state = State::parse(&grown.state);
        match (&state.upload, &state.rest) {
            (None, Some(name)) => {
                if !store.copy(&rest_key(key, name)?, key).await? {
                    return Err(Error::internal(format!("the rest {name} of {key} is missing in the store of bytes")));
                }
            }
            _ => resumed(store, key, state, grown.size).await?.complete_parts().await?,
        }
    }
    forget_rests(store, key, None).await
}

pub async fn abandon(store: &S3, key: &Key, grown: &Grown) -> Result<()> {
    if let Some(upload) = State::parse(&grown.state).upload {
        match store.inner.store.abort_multipart(&store.inner.at(key)?, &upload).await {
            // It has been completed or aborted.
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(fault::of(key, error)),
        }
    }
    forget_rests(store, key, None).await
}

impl Growth {
    /// How far it is without its rest.
    fn in_parts(&self) -> (u64, State) {
        let (upload, parts) = self.begun.so_far();
        (parts.len() as u64 * PART, State { upload, rest: None, parts })
    }

    async fn store_rest(&mut self, state: &mut State) -> Result<u64> {
        let Some((part, size)) = self.begun.collected().await? else { return Ok(0) };
        let mut name = [0; 8];
        getrandom::fill(&mut name).map_err(|error| Error::internal(format!("random octets: {error}")))?;
        let name: String = name.iter().map(|octet| format!("{octet:02x}")).collect();
        let inner = self.begun.inner();
        let path = inner.at(&rest_key(&self.key, &name)?)?;
        Begun::new(inner, path).put(&[], &Source::File(part, size)).await?;
        state.rest = Some(name);
        Ok(size)
    }
}

#[async_trait]
impl Growing for Growth {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.more |= !bytes.is_empty();
        self.begun.add_or_fail(bytes).await
    }

    async fn settle(&mut self, all: bool) -> Result<Grown> {
        let (mut size, mut state) = self.in_parts();
        if all && self.more {
            size += self.store_rest(&mut state).await?;
            self.more = false;
        } else if state.parts.len() == self.parts || !self.more {
            return Ok(self.settled.clone());
        }
        // An upload of which no state knows is aborted.
        if state.upload.is_some() {
            self.begun.keep();
        }
        self.settled = Grown { size, state: state.text() };
        Ok(self.settled.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_as_it_was_written() {
        let some = |text: &str| Some(text.to_owned());
        for state in [
            State::default(),
            State { rest: some("ab12"), ..State::default() },
            State { upload: some("id"), rest: None, parts: vec!["\"a\"".into()] },
            State { upload: some("id"), rest: some("ab12"), parts: vec!["\"a\"".into(), "\"b\"".into()] },
        ] {
            assert_eq!(State::parse(&state.text()), state);
        }
        assert_eq!(State::parse(""), State::default());
    }
}
