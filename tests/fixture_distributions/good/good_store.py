"""Two store factories: one gives a store, the other an object that lacks most of it."""


def open_good_store(url):
    from lilota_memory_store import MemoryTaskStore

    store = MemoryTaskStore()
    store.opened_with = url
    return store


class HalfStore:
    def open(self):
        return None


def open_half_store(url):
    return HalfStore()
