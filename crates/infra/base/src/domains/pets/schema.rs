//! The tables of pets.

use crate::domains::accounts::users;

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    pets (id) {
        id -> Uid,
        owner_id -> Uid,
        name -> Text,
        species -> Text,
        breed -> Nullable<Text>,
        sex -> Text,
        birth_date -> Nullable<Text>,
        bio -> Nullable<Text>,
        visibility -> Text,
        microchip -> Nullable<Seal>,
        microchip_index -> Nullable<Binary>,
        lost_since -> Nullable<Ts>,
        lost_text -> Nullable<Text>,
        lost_place -> Nullable<Text>,
        lost_lat -> Nullable<Integer>,
        lost_lng -> Nullable<Integer>,
        created_at -> Ts,
        version -> BigInt,
        written_by -> Nullable<Uid>,
        avatar_id -> Nullable<Uid>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    pet_photos (pet_id, place) {
        pet_id -> Uid,
        place -> BigInt,
        file_id -> Uid,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    pet_keepers (pet_id, user_id) {
        pet_id -> Uid,
        user_id -> Uid,
        role -> Text,
        accepted -> Bool,
        since -> Ts,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    pet_log (id) {
        id -> Uid,
        pet_id -> Uid,
        author_id -> Nullable<Uid>,
        kind -> Text,
        grams -> Nullable<BigInt>,
        text -> Nullable<Text>,
        at -> Ts,
        created_at -> Ts,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    pet_words (word, pet_id) {
        word -> Text,
        pet_id -> Uid,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    pet_attempts (id) {
        id -> Uid,
        kind -> Text,
        pet_id -> Uid,
        user_id -> Uid,
        by_id -> Nullable<Uid>,
        made_at -> Ts,
        refused_at -> Nullable<Ts>,
    }
}

diesel::joinable!(pet_keepers -> pets (pet_id));
diesel::joinable!(pet_keepers -> users (user_id));
diesel::joinable!(pet_photos -> pets (pet_id));
diesel::joinable!(pet_words -> pets (pet_id));
diesel::allow_tables_to_appear_in_same_query!(pet_keepers, pet_photos, pet_words, pets, users);
