//! What a cell offers to measures of features. All features are of one encoder.

/// A photo as the encoder sees it.
#[derive(Clone, Copy, Debug)]
pub struct PhotoFeatures<'a> {
    /// The crop.
    pub plain: &'a [f32],
    /// The mirrored crop.
    pub mirrored: &'a [f32],
    /// The crop without its background; `None` without a mask.
    pub masked: Option<&'a [f32]>,
}

/// What the prompt of an image asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// The subject: a prompt of `generate.prompts`.
    Subject,
    /// Any member of the class: a prompt of `evaluate.drift_prompts` with the class word.
    Class,
    /// Something else: any other prompt of `evaluate.drift_prompts`.
    Other,
}

/// One image with the adapter, and the base model's images on the same noise.
#[derive(Clone, Copy, Debug)]
pub struct FeatureImage<'a> {
    /// What its prompt asks for.
    pub shows: Shows,
    /// Position of its prompt in the list of its group.
    pub prompt: usize,
    /// The image with the adapter.
    pub image: &'a [f32],
    /// The base model's image of the same prompt.
    pub base: Option<&'a [f32]>,
    /// The base model's image of the prompt with the class word in place of the identifier; that of the same prompt
    /// where the two prompts are the same.
    pub floor: Option<&'a [f32]>,
    /// The prompt with the class word in place of the identifier.
    pub text: Option<&'a [f32]>,
}

/// A cell.
#[derive(Clone, Debug, Default)]
pub struct FeatureCell<'a> {
    /// The training photos, in training order.
    pub train: Vec<PhotoFeatures<'a>>,
    /// The held-out photos.
    pub held_out: Vec<PhotoFeatures<'a>>,
    /// The training photos of the study's largest size, with the same held-out photos.
    pub largest: Vec<PhotoFeatures<'a>>,
    /// The images.
    pub images: Vec<FeatureImage<'a>>,
    /// The base model's images by the subject's name (`generate.baseline_prompts`).
    pub by_name: Vec<&'a [f32]>,
}

impl<'a> FeatureCell<'a> {
    /// The images that show that.
    pub fn showing(&self, shows: Shows) -> impl Iterator<Item = &FeatureImage<'a>> {
        self.images.iter().filter(move |image| image.shows == shows)
    }
}
