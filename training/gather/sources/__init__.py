"""Read photos and their labels from what people have: folders, archives, tables, annotations, the Hub, Kaggle."""
