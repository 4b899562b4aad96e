"""What the stages `text` and `tags` share: a new text encoder, and what its states must tell of a caption.

Contrast alone leaves rare colours out. So the text must also tell every attribute that the caption mentions, from its
end token and from a random padding token (most of what a UNet attends to is padding).
"""

import torch

from data.tags import classes, predictions, scores, tag_loss
from data.world import MENTIONED, rendered
from models import tokenizer as tokens
from models.teacher import Heads, ImageTower
from models.text import ends, new_text, states_at_end
from stages.shown import Shown

# A mentioned attribute counts 1 + 4 times.
MENTIONED_WEIGHT = 4.0
# Colours of scarves and capes are mentioned in one caption of fifty.
SELDOM, SELDOM_WEIGHT = ["scarf_color", "cape_color"], 30.0


class Words:
    """The captions, and new modules that read them: text encoder, heads, image tower."""

    def __init__(self, run):
        self.run, self.world, self.validation = run, rendered(run, "train"), rendered(run, "validation")
        self.ids, self.ids_validation = tokens.captions(run, "train"), tokens.captions(run, "validation")
        tokenizer, s = tokens.load(run), run.settings
        self.end = tokenizer.eos_token_id
        # Attention is causal, so cutting the padding changes no state before it. Positions that are cut off are never
        # trained and later get the embedding of the last one that is.
        longest = int(torch.cat([ends(self.ids, self.end), ends(self.ids_validation, self.end)]).max())
        self.length = min(tokens.LENGTH, longest + 4)
        self.shown, self.sizes = Shown(self.world), classes(self.world.values, MENTIONED)
        self.seldom = [MENTIONED.index(name) for name in SELDOM]
        torch.manual_seed(run.seed + 1)
        self.text, self.heads = new_text(s, tokenizer), Heads(s.text_width, sum(self.sizes))
        self.image = ImageTower(s.text_width, sum(self.shown.sizes)).to(memory_format=torch.channels_last)
        self.modules = {"text": self.text, "heads": self.heads, "image": self.image}
        for module in self.modules.values():
            module.to(run.machine.device)

    def draw(self, chosen, generator):
        """Captions, where they end, the place of one padding token behind it, and what they mention."""
        words = self.ids[chosen, : self.length]
        at = ends(words, self.end)
        behind = (at + 1 + torch.rand(len(at), generator=generator) * (self.length - 1 - at)).long()
        return words, at, behind.clamp(max=self.length - 1), self.world.mentions[chosen]

    def told(self, words, at, pad, mentions):
        """The states at the ends, and the loss of the attributes."""
        rows = torch.arange(len(words), device=words.device)
        states = self.text(input_ids=words).last_hidden_state

        def score(state):
            logits = self.heads.attributes(state)
            parts, loss = logits.split(self.sizes, 1), tag_loss(logits, mentions, self.sizes, MENTIONED_WEIGHT)
            for i in self.seldom:
                loss = loss + tag_loss(parts[i], mentions[:, i : i + 1], [self.sizes[i]], SELDOM_WEIGHT)
            return loss

        return states[rows, at], 0.6 * score(states[rows, at]) + 0.4 * score(states[rows, pad])

    @torch.no_grad()
    def recall(self):
        """Recall at the end token for each attribute, among the validation captions that mention it."""
        states = states_at_end(self.run, self.text, self.ids_validation[:, : self.length], self.end)
        table = scores(predictions(self.heads.attributes(states), self.sizes), self.validation.mentions, MENTIONED)
        return {name: row["recall"] for name, row in table.items() if row["recall"] is not None}

    def report(self, _step):
        worst = sorted(self.recall().items(), key=lambda x: x[1])[:4]
        return {"worst": " ".join(f"{name} {r:.2f}" for name, r in worst)}
