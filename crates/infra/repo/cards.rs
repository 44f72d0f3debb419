//! The cards of people: from the cache, and from the database for those that are not cached.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use clowder_core::{Card, Error, Result, UserId};
use diesel::prelude::*;

use super::{among::AmongIds, dialect::Conn};
use crate::{
    domains::accounts::{CardRow, users},
    store::Memory,
};

pub struct Cards(HashMap<UserId, Arc<Card>>);

impl Cards {
    /// The cards of these people. A transaction uses no cache: it may have written what it reads, and may roll back.
    pub fn of(conn: &mut Conn, memory: Option<&Memory>, people: impl IntoIterator<Item = UserId>) -> Result<Self> {
        let profiles = memory.map(|memory| &memory.profiles);
        let people: HashSet<_> = people.into_iter().collect();
        let mut cards = HashMap::with_capacity(people.len());
        let mut unknown = Vec::new();
        for user in people {
            match profiles.and_then(|profiles| profiles.card(user)) {
                Some(card) => drop(cards.insert(user, card)),
                None => unknown.push(user),
            }
        }
        if unknown.is_empty() {
            return Ok(Self(cards));
        }
        let keep = profiles.filter(|profiles| profiles.is_followed());
        let rows: Vec<(CardRow, i64)> =
            users::table.filter(users::id.among(&unknown)).select((CardRow::as_select(), users::version)).load(conn)?;
        for (row, version) in rows {
            let card = Arc::new(Card::from(row));
            if let Some(profiles) = keep {
                profiles.keep_card(&card, version);
            }
            cards.insert(card.id, card);
        }
        Ok(Self(cards))
    }

    pub fn card(&self, user: UserId) -> Result<Card> {
        let card = self.0.get(&user).map(|card| Card::clone(card));
        card.ok_or_else(|| Error::internal("a user without a row"))
    }
}
