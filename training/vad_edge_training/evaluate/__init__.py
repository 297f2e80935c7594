"""What a model finds on labelled footage, by the field's protocols and by the product's own."""
