//! The bodies of requests in the table of routes.

use utoipa::ToSchema;

use super::{endpoint::Endpoint, shape::Shape};

/// How large a form can be beside the file in it.
const FORM: usize = 16 << 10;

impl Endpoint {
    /// A JSON body.
    pub fn takes<T: ToSchema>(mut self) -> Self {
        self.takes = Some(Shape::of::<T>());
        self
    }

    /// A JSON body whose members are all optional.
    pub fn takes_if_any<T: ToSchema>(mut self) -> Self {
        self.or_nothing = true;
        self.takes::<T>()
    }

    /// A form with a file (multipart/form-data) of at most so many octets.
    pub fn takes_file<T: ToSchema>(mut self, most: usize) -> Self {
        self.uploads = Some(most + FORM);
        self.media = "multipart/form-data";
        self.takes::<T>()
    }

    /// Octets of a file, as they are, of this type and at most so many.
    pub fn takes_octets<T: ToSchema>(mut self, media: &'static str, most: usize) -> Self {
        self.uploads = Some(most);
        self.media = media;
        self.takes::<T>()
    }

    /// The body may be missing.
    pub fn or_nothing(mut self) -> Self {
        self.or_nothing = true;
        self
    }

    /// Unknown members of the body are refused.
    pub fn nothing_else(mut self) -> Self {
        self.nothing_else = true;
        self
    }
}
