//! Things by handle: a slot that is used again gets another generation, so that an old handle
//! finds nothing.

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    index: u32,
    generation: u32,
}

impl Key {
    /// Not after any other, for ranges.
    pub const FIRST: Key = Key {
        index: 0,
        generation: 0,
    };
}

#[derive(Debug)]
pub struct Slab<T> {
    slots: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
    limit: usize,
}

impl<T> Slab<T> {
    pub fn new(limit: usize) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            limit: limit.min(u32::MAX as usize),
        }
    }

    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn is_full(&self) -> bool {
        self.len() >= self.limit
    }

    /// `None` when the slab is full; the thing is dropped.
    pub fn insert(&mut self, thing: T) -> Option<Key> {
        if self.is_full() {
            return None;
        }
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push((0, None));
            u32::try_from(self.slots.len() - 1).expect("the limit is below u32::MAX")
        });
        let (generation, slot) = &mut self.slots[index as usize];
        *slot = Some(thing);
        Some(Key {
            index,
            generation: *generation,
        })
    }

    pub fn get(&self, key: Key) -> Option<&T> {
        match self.slots.get(key.index as usize) {
            Some((generation, thing)) if *generation == key.generation => thing.as_ref(),
            _ => None,
        }
    }

    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        match self.slots.get_mut(key.index as usize) {
            Some((generation, thing)) if *generation == key.generation => thing.as_mut(),
            _ => None,
        }
    }

    pub fn remove(&mut self, key: Key) -> Option<T> {
        let (generation, slot) = self.slots.get_mut(key.index as usize)?;
        if *generation != key.generation {
            return None;
        }
        let thing = slot.take()?;
        *generation = generation.wrapping_add(1);
        self.free.push(key.index);
        Some(thing)
    }

    /// In the order of the slots.
    pub fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.slots
            .iter()
            .zip(0_u32..)
            .filter(|((_, thing), _)| thing.is_some())
            .map(|((generation, _), index)| Key {
                index,
                generation: *generation,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_handle_finds_nothing() {
        let mut slab = Slab::new(2);
        let first = slab.insert("a").expect("there is room");
        let second = slab.insert("b").expect("there is room");
        assert!(slab.insert("c").is_none());
        assert_eq!(slab.remove(first), Some("a"));
        assert_eq!(slab.remove(first), None);
        let third = slab.insert("c").expect("there is room again");
        assert_eq!((slab.get(first), slab.get(third)), (None, Some(&"c")));
        assert_eq!(slab.keys().collect::<Vec<_>>(), [third, second]);
        assert_eq!(slab.len(), 2);
    }
}
