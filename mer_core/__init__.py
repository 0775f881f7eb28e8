"""The core of mer: contracts, registry, composition, training, evaluation and reports. It knows no plugin by name."""
