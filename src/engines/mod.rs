//! Engines that speak: found at run time.
