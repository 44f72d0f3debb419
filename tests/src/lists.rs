//! Lists as long as they can be: each domain says how its own are filled, in SQL that both databases know.

use crate::things::Things;

/// The number of items of lists without a maximum.
pub const MANY: usize = 2_500;
/// How many of them are as long as they can be: more than fit on one page.
pub const LONG: usize = 60;

/// A list of the API.
pub struct List {
    /// As the OpenAPI document has it.
    pub path: &'static str,
    /// How many things are on it at least.
    pub at_least: usize,
    /// The statements that fill it; none where those of another list do, or where it is never empty.
    pub rows: Option<fn(&Scene) -> String>,
}

/// Whose lists they are, and the words of SQL in which the databases differ.
pub struct Scene<'t> {
    pub is_sqlite: bool,
    /// The id of the administrator who owns everything.
    pub owner: &'t str,
    pub things: &'t Things,
}

impl Scene<'_> {
    /// The id of the owner.
    pub fn me(&self) -> String {
        self.id(self.owner)
    }

    /// The id of what stands for a parameter of a path.
    pub fn id_of(&self, parameter: &str) -> String {
        self.id(self.things.get(parameter).expect("a parameter of a list"))
    }

    /// Rows from 1 to `count`, as `s.n`.
    pub fn series(&self, count: usize) -> String {
        if self.is_sqlite {
            format!(
                "(WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < {count}) SELECT n FROM t) s"
            )
        } else {
            format!("generate_series(1, {count}) AS s(n)")
        }
    }

    pub fn new_id(&self) -> &str {
        if self.is_sqlite { "randomblob(16)" } else { "gen_random_uuid()" }
    }

    /// An id of the future, for rows that a sweep forgets by the time in their ids.
    pub fn id_of_the_future(&self) -> &str {
        if self.is_sqlite {
            "CAST('zz' || hex(randomblob(7)) AS BLOB)"
        } else {
            "CAST('ff' || substr(replace(CAST(gen_random_uuid() AS text), '-', ''), 3) AS uuid)"
        }
    }

    /// A reproducible id: the same one for the same number.
    pub fn id_of_n(&self) -> &str {
        if self.is_sqlite { "CAST(printf('%016d', s.n) AS BLOB)" } else { "CAST(lpad(to_hex(s.n), 32, '0') AS uuid)" }
    }

    pub fn octets_of_n(&self) -> &str {
        if self.is_sqlite { "CAST(printf('%032d', s.n) AS BLOB)" } else { "decode(lpad(to_hex(s.n), 64, '0'), 'hex')" }
    }

    fn id(&self, id: &str) -> String {
        if self.is_sqlite { format!("x'{}'", id.replace('-', "")) } else { format!("CAST('{id}' AS uuid)") }
    }

    /// Some seconds after now, different for each `s.n` if that is part of it.
    pub fn at(&self, seconds: &str) -> String {
        if self.is_sqlite {
            format!("(CAST(strftime('%s', 'now') AS INTEGER) + {seconds}) * 1000000")
        } else {
            format!("now() + ({seconds}) * interval '1 second'")
        }
    }

    pub fn no(&self) -> &str {
        if self.is_sqlite { "0" } else { "false" }
    }

    pub fn yes(&self) -> &str {
        if self.is_sqlite { "1" } else { "true" }
    }

    /// Four octets a character.
    pub fn long_text(&self) -> &str {
        if self.is_sqlite { "replace(hex(zeroblob(8000)), '00', '🦀')" } else { "repeat('🦀', 8000)" }
    }
}
