"""How both classes pace their drains, and which attention window's events they take."""

# Pauses after drains that brought nothing, in seconds.
FIRST_PAUSE = 0.005
LONGEST_PAUSE = 0.02
PAUSE_GROWTH = 1.5


class WindowLearner:
    """Until something was stored, the largest window that was created is learnt; from then on others are left out."""

    def __init__(self):
        self._learning = True
        self._window = None

    def _is_of_other_window(self, event):
        if self._learning or "window_size" not in event:
            return False
        return event["window_size"] != self._window

    def _learn_window(self, event):
        window = event.get("window_size")
        if window is not None and (self._window is None or window > self._window):
            self._window = window
