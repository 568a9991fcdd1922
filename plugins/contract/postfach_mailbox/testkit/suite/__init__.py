"""The tests, by what they are about; `contract` gathers them."""
