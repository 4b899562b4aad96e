"""What the image tower of stage `text` must tell of a picture beside its text: attributes and a figurine's geometry."""

from data.tags import classes, tag_loss
from data.world import SHOWN


class Shown:
    """The labels of a rendered set, and how a tower's answers are judged by them."""

    def __init__(self, world):
        self.world, self.sizes = world, classes(world.values, SHOWN)
        self.mean = world.geometry.nanmean(0)
        self.std = (world.geometry - self.mean).square().nanmean(0).sqrt()

    def draw(self, chosen):
        """Labels and geometry of pictures, and whether they have a geometry."""
        geometry = (self.world.geometry[chosen] - self.mean) / (self.std + 1e-6)
        return self.world.labels[chosen], geometry.nan_to_num(), ~geometry[:, :1].isnan()

    def loss(self, attributes, geometry, labels, wanted, known):
        seen = tag_loss(attributes, labels, self.sizes)
        built = ((geometry.float() - wanted).square() * known).sum() / (known.sum() * wanted.shape[1]).clamp(min=1)
        return 0.1 * seen + 0.5 * built, seen.detach()
