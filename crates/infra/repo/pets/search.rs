//! Lists of pets. The work for a page is bounded: it looks at no more than a certain number of pets, of which some may be
//! hidden, and the next page continues there.

use std::{collections::HashMap, fmt};

use clowder_accounts::refusals::USER_UNKNOWN;
use clowder_core::{Page, PageRequest, Result, UserId, Word};
use clowder_social::{
    groups::search::{end_of, words},
    pets::{Pet, PetFilter, PetId},
};
use diesel::{
    dsl::{exists, not},
    prelude::*,
    sql_types::Bool,
};

use super::{
    super::{
        dialect::Conn,
        fragment::Fragment,
        people::{Viewer, visible_to},
    },
    read::{look, views},
};
use crate::{
    domains::{
        accounts::users,
        pets::{PetRow, pet_keepers, pet_words, pets},
    },
    seal::KeyRing,
};

/// How many pets a page looks at, at most.
const LOOKED_AT: usize = 2_000;
/// How many of them at a time.
const PIECE: i64 = 200;

/// The conditions of the indexes of the directory, as constant text, so that the databases use them.
const IN_DIRECTORY: Fragment<Bool> = Fragment::new("(pets.visibility <> 'private')");
const LOST: Fragment<Bool> = Fragment::new("(pets.lost_since IS NOT NULL)");
const NOT_LOST: Fragment<Bool> = Fragment::new("(pets.lost_since IS NULL)");

/// Where a pet is in a list, and so the cursor of what follows: its id, after the word by which it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    word: Option<String>,
    id: PetId,
}

impl Place {
    fn parse(cursor: &str, by_word: bool) -> Result<Self> {
        let (word, id) = match cursor.rsplit_once('.') {
            Some((word, id)) if by_word => (Some(word.to_owned()), id),
            None if !by_word => (None, cursor),
            _ => return Err(PageRequest::wrong()),
        };
        Ok(Self { word, id: id.parse().map_err(|_| PageRequest::wrong())? })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.word {
            Some(word) => write!(f, "{word}.{}", self.id),
            None => write!(f, "{}", self.id),
        }
    }
}

pub fn list(
    conn: &mut Conn,
    ring: &KeyRing,
    viewer: Viewer,
    filter: &PetFilter,
    page: &PageRequest,
) -> Result<Page<Pet>> {
    match &filter.search {
        None => scan(conn, ring, viewer, page, false, |conn, after| newest(conn, viewer.id, filter, after)),
        Some(search) => {
            let mut wanted = words(search);
            wanted.sort_by_key(|word| std::cmp::Reverse(word.chars().count()));
            scan(conn, ring, viewer, page, true, |conn, after| found(conn, viewer.id, filter, &wanted, after))
        }
    }
}

/// The pets of somebody whom the viewer may see.
pub fn of(conn: &mut Conn, ring: &KeyRing, viewer: Viewer, user: UserId, page: &PageRequest) -> Result<Page<Pet>> {
    let is_seen = exists(users::table.find(user).filter(visible_to(viewer)));
    if !diesel::select(is_seen).get_result::<bool>(conn)? {
        return Err(USER_UNKNOWN.into());
    }
    scan(conn, ring, viewer, page, false, |conn, after| {
        let mut query = pet_keepers::table
            .inner_join(pets::table)
            .filter(pet_keepers::user_id.eq(user).and(pet_keepers::accepted.eq(true)))
            .filter(pet_keepers::role.ne("caretaker"))
            .order(pet_keepers::pet_id.desc())
            .limit(PIECE)
            .select(PetRow::as_select())
            .into_boxed();
        if let Some(after) = after {
            query = query.filter(pet_keepers::pet_id.lt(after.id));
        }
        let rows: Vec<PetRow> = query.load(conn)?;
        Ok(rows.into_iter().map(|row| (Place { word: None, id: row.id }, row)).collect())
    })
}

type Candidates = Vec<(Place, PetRow)>;

/// Looks at one piece of candidates after the other.
fn scan(
    conn: &mut Conn,
    ring: &KeyRing,
    viewer: Viewer,
    page: &PageRequest,
    by_word: bool,
    next: impl Fn(&mut Conn, Option<&Place>) -> Result<Candidates>,
) -> Result<Page<Pet>> {
    let mut place = page.cursor.as_deref().map(|cursor| Place::parse(cursor, by_word)).transpose()?;
    let (wanted, mut found, mut places) = (page.limit as usize + 1, Vec::new(), HashMap::new());
    let (mut looked_at, mut more) = (0, true);
    while more && found.len() < wanted && looked_at < LOOKED_AT {
        let piece = next(conn, place.as_ref())?;
        more = piece.len() as i64 == PIECE;
        looked_at += piece.len();
        let Some((last, _)) = piece.last() else { break };
        place = Some(last.clone());
        let (some, rows): (Vec<_>, Vec<_>) = piece.into_iter().unzip();
        places.extend(some.into_iter().map(|place| (place.id, place)));
        found.extend(look(conn, viewer, rows)?);
    }
    found.truncate(wanted);
    let pets = views(conn, ring, found, false)?;
    let key = |pet: &Pet| places.get(&pet.id).map(ToString::to_string).unwrap_or_default();
    let mut page = Page::fill(pets, page, key)?;
    if page.next_cursor.is_none() && more {
        page.next_cursor = place.map(|place| place.to_string());
    }
    Ok(page)
}

/// The newest of those that may be seen by others, and of the viewer's own: two indexes, merged.
fn newest(conn: &mut Conn, viewer: UserId, filter: &PetFilter, after: Option<&Place>) -> Result<Candidates> {
    let mut own = pet_keepers::table
        .inner_join(pets::table)
        .filter(pet_keepers::user_id.eq(viewer))
        .order(pets::id.desc())
        .limit(PIECE)
        .select(PetRow::as_select())
        .into_boxed();
    if filter.mine {
        own = own.filter(pet_keepers::accepted.eq(true));
    }
    if let Some(species) = filter.species {
        own = own.filter(pets::species.eq(species.as_str()));
    }
    own = match filter.lost {
        Some(true) => own.filter(LOST),
        Some(false) => own.filter(NOT_LOST),
        None => own,
    };
    if let Some(after) = after {
        own = own.filter(pets::id.lt(after.id));
    }
    let mut rows: Vec<PetRow> = own.load(conn)?;
    if !filter.mine {
        let mut all = pets::table
            .filter(IN_DIRECTORY)
            .order(pets::id.desc())
            .limit(PIECE)
            .select(PetRow::as_select())
            .into_boxed();
        if let Some(species) = filter.species {
            all = all.filter(pets::species.eq(species.as_str()));
        }
        all = match filter.lost {
            Some(true) => all.filter(LOST),
            Some(false) => all.filter(NOT_LOST),
            None => all,
        };
        if let Some(after) = after {
            all = all.filter(pets::id.lt(after.id));
        }
        rows.extend(all.load::<PetRow>(conn)?);
        rows.sort_by_key(|row| std::cmp::Reverse(row.id));
        rows.dedup_by_key(|row| row.id);
        rows.truncate(PIECE as usize);
    }
    Ok(rows.into_iter().map(|row| (Place { word: None, id: row.id }, row)).collect())
}

/// Pets whose name has words that begin with all words of the search, in the order of the words that the longest of them
/// finds. A pet is found by the first of its words.
fn found(
    conn: &mut Conn,
    viewer: UserId,
    filter: &PetFilter,
    wanted: &[String],
    after: Option<&Place>,
) -> Result<Candidates> {
    let Some((first, others)) = wanted.split_first() else { return Ok(Vec::new()) };
    let earlier = diesel::alias!(pet_words as earlier);
    let found_before = earlier
        .filter(earlier.field(pet_words::pet_id).eq(pet_words::pet_id))
        .filter(earlier.field(pet_words::word).ge(first.clone()))
        .filter(earlier.field(pet_words::word).lt(pet_words::word));
    let mut query = pet_words::table
        .inner_join(pets::table)
        .filter(pet_words::word.ge(first.clone()).and(pet_words::word.lt(end_of(first))))
        .filter(not(exists(found_before)))
        .order((pet_words::word, pet_words::pet_id))
        .limit(PIECE)
        .select((pet_words::word, PetRow::as_select()))
        .into_boxed();
    if let Some(Place { word: Some(word), id }) = after {
        let later =
            pet_words::word.gt(word.clone()).or(pet_words::word.eq(word.clone()).and(pet_words::pet_id.gt(*id)));
        query = query.filter(later);
    }
    let own = pet_keepers::table.filter(pet_keepers::pet_id.eq(pets::id).and(pet_keepers::user_id.eq(viewer)));
    query = if filter.mine {
        query.filter(exists(own.filter(pet_keepers::accepted.eq(true))))
    } else {
        query.filter(IN_DIRECTORY.or(exists(own)))
    };
    if let Some(species) = filter.species {
        query = query.filter(pets::species.eq(species.as_str()));
    }
    query = match filter.lost {
        Some(true) => query.filter(LOST),
        Some(false) => query.filter(NOT_LOST),
        None => query,
    };
    for other in others {
        let one = diesel::alias!(pet_words as one);
        let named = one
            .filter(one.field(pet_words::pet_id).eq(pets::id))
            .filter(one.field(pet_words::word).ge(other.clone()))
            .filter(one.field(pet_words::word).lt(end_of(other)));
        query = query.filter(exists(named));
    }
    let rows: Vec<(String, PetRow)> = query.load(conn)?;
    Ok(rows.into_iter().map(|(word, row)| (Place { word: Some(word), id: row.id }, row)).collect())
}
