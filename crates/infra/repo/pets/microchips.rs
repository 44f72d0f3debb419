//! The numbers of microchips: encrypted under the key ring, and found by a keyed hash, because a hash without a key of 15
//! digits is found out in minutes.
//!
//! The key of the hash is derived from SECRET_KEY, so that a rotation of the key ring does not concern it. Each hash begins
//! with the name of its key; when a store opens, it makes those that name another one anew.

use clowder_core::{Ctx, Page, PageRequest, Result, audit::Entry};
use clowder_social::pets::{Pet, PetId, model::Microchip};
use diesel::prelude::*;
use serde_json::json;

use super::{
    super::{Repo, audit, db::Tx, dialect::Conn, people::Viewer},
    read::{all_of, views},
};
use crate::{
    domains::pets::{PetRow, pets},
    keys::{Keys, mac},
    seal::{Column, KeyRing, Place, Sealed, Under, unreadable},
};

pub const NUMBER: Column = Column::new("pets", "microchip", "id", Under::Ring);

/// How many are made anew in one transaction.
const PIECE: i64 = 200;
/// How many octets of a hash name its key.
const NAME: usize = 4;

/// Finds numbers without storing them.
struct Index {
    key: [u8; 32],
    name: [u8; NAME],
}

impl Index {
    fn new(keys: &Keys) -> Self {
        let key = keys.derive("microchips");
        let [a, b, c, d, ..] = mac(&key, &[b"name"]);
        Self { key, name: [a, b, c, d] }
    }

    fn of(&self, number: &str) -> Vec<u8> {
        let hash = mac(&self.key, &[b"number", number.as_bytes()]);
        [self.name.as_slice(), &hash].concat()
    }

    /// The lowest and the highest that name this key.
    fn range(&self) -> [Vec<u8>; 2] {
        [0x00, 0xff].map(|octet| [self.name.as_slice(), &[octet; 32]].concat())
    }
}

/// What is stored of a number.
pub fn columns(tx: &Tx<'_>, pet: PetId, number: Option<&Microchip>) -> Result<(Option<Sealed>, Option<Vec<u8>>)> {
    let Some(number) = number.map(Microchip::expose) else { return Ok((None, None)) };
    let sealed = tx.services.ring.seal(Place::new(NUMBER, pet), number.as_bytes())?;
    Ok((Some(sealed), Some(Index::new(&tx.services.keys).of(number))))
}

/// A number in plain text; one that does not decrypt is left out and logged.
pub fn read(ring: &KeyRing, pet: PetId, sealed: &Sealed) -> Option<String> {
    let number = ring.open(Place::new(NUMBER, pet), sealed).map_err(|error| unreadable::<()>(&error)).ok()?;
    String::from_utf8(number).ok()
}

pub fn find(tx: &mut Tx<'_>, ctx: &Ctx, number: &Microchip, page: &PageRequest) -> Result<Page<Pet>> {
    let viewer = Viewer::of(ctx)?;
    let index = Index::new(&tx.services.keys).of(number.expose());
    let mut same = pets::table
        .filter(pets::microchip_index.eq(index))
        .order(pets::id.desc())
        .limit(page.fetch())
        .select(PetRow::as_select())
        .into_boxed();
    if let Some(before) = page.id()? {
        let before: PetId = before;
        same = same.filter(pets::id.lt(before));
    }
    let rows: Vec<PetRow> = same.load(tx.conn)?;
    let seen = all_of(tx.conn, viewer, rows)?;
    let views = views(tx.conn, &tx.services.ring, seen, true)?;
    let page = Page::fill(views, page, |pet: &Pet| pet.id.to_string())?;
    let ids: Vec<PetId> = page.items.iter().map(|pet| pet.id).collect();
    audit::record(tx, ctx, &Entry::new("pet.microchip_sought").after(json!({"pets": ids})))?;
    Ok(page)
}

/// Pets after this one whose hash names another key.
fn outdated(conn: &mut Conn, index: &Index, after: Option<PetId>) -> Result<Vec<(PetId, Option<Sealed>)>> {
    let [first, last] = index.range();
    let mut others = pets::table
        .filter(pets::microchip_index.lt(first).or(pets::microchip_index.gt(last)))
        .order(pets::id)
        .limit(PIECE)
        .select((pets::id, pets::microchip))
        .into_boxed();
    if let Some(after) = after {
        others = others.filter(pets::id.gt(after));
    }
    Ok(others.load(conn)?)
}

impl Repo {
    /// Makes the hashes anew that were made under another SECRET_KEY.
    pub(in super::super) async fn index_microchips(&self) -> Result<()> {
        let mut after = None;
        loop {
            let keys = std::sync::Arc::clone(&self.deps.keys);
            let others = self.db.read(move |conn| outdated(conn, &Index::new(&keys), after)).await?;
            let Some((last, _)) = others.last() else { return Ok(()) };
            after = Some(*last);
            let anew = self.db.write(move |tx| {
                let (index, ring) = (Index::new(&tx.services.keys), &tx.services.ring);
                for (pet, sealed) in &others {
                    let Some(sealed) = sealed else { continue };
                    let Some(number) = read(ring, *pet, sealed) else { continue };
                    // Unless it is another number by now.
                    let same = pets::table.find(*pet).filter(pets::microchip.eq(sealed));
                    diesel::update(same).set(pets::microchip_index.eq(index.of(&number))).execute(tx.conn)?;
                }
                Ok(())
            });
            anew.await?;
        }
    }
}
